//! Fuzz targets. Their corpus is in `__fuzz__`.

mod image;
mod manifest;
mod package;
