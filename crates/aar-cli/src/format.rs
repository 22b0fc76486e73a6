use clap::ValueEnum;

/// In which form a listing is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    #[default]
    Table,
    /// Comma-separated values with a header line.
    Csv,
    /// A JSON array.
    Json,
    /// A YAML sequence.
    Yaml,
}

/// In which form a single thing is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DocumentFormat {
    /// YAML, for people and scripts.
    #[default]
    Yaml,
    /// JSON, for programs.
    Json,
}
