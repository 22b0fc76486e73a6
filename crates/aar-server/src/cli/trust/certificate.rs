use std::{
    io::{self, IsTerminal as _},
    path::Path,
};

use aar_cli::Printer;
use aar_tls::Certificate;
use anyhow::Context as _;

/// Reads a certificate from a file or from standard input.
pub(super) fn read(printer: &Printer, path: Option<&Path>) -> anyhow::Result<Certificate> {
    if let Some(path) = path.filter(|path| *path != Path::new("-")) {
        let file = fs_err::File::open(path)?;
        return Certificate::read_from(file).with_context(|| path.display().to_string());
    }
    if io::stdin().is_terminal() {
        printer.note("paste the certificate, then press Ctrl-D");
    }
    Certificate::read_from(io::stdin().lock()).context("standard input")
}
