/// How much of a package is read before it is refused.
///
/// Packages come from outside. A limit is there so that a small file cannot cost a full disk, and
/// no file can cost much memory; the defaults leave room for everything that Android can install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many files, folders and links there may be.
    pub entries: usize,
    /// How large a single file may be, in bytes.
    pub file_size: u64,
    /// How large all files may be together, in bytes.
    pub total_size: u64,
    /// How long a path may be, in bytes.
    pub path_length: usize,
    /// How many folders deep a path may go.
    pub depth: usize,
    /// How many times larger than its archive the content may be. It applies to content beyond
    /// [`Limits::EXPANSION_ALLOWANCE`], so that small packages may compress as well as they can.
    pub expansion: u64,
    /// How large `manifest.yaml` may be, in bytes.
    pub manifest_size: u64,
}

impl Limits {
    /// How much content an archive of any size may hold, in bytes.
    pub const EXPANSION_ALLOWANCE: u64 = 256 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 50_000,
            file_size: 32 << 30,
            total_size: 64 << 30,
            path_length: 512,
            depth: 32,
            expansion: 1_000,
            manifest_size: 256 << 10,
        }
    }
}
