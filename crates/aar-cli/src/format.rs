use clap::ValueEnum;

/// The output format of a listing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people
    #[default]
    Table,
    /// Comma-separated values with a header line
    Csv,
    /// A JSON array
    Json,
    /// A YAML sequence
    Yaml,
}

/// The output format of a single object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DocumentFormat {
    /// YAML, for people and scripts
    #[default]
    Yaml,
    /// JSON, for programs
    Json,
}
