//! Values of a section about a listener for metrics. Templates write every key, so an empty string means that
//! a value is not set.

use std::{collections::BTreeMap, fmt, marker::PhantomData, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize, de};

/// The files of a certificate and its key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CertificateFiles {
    /// The certificate, in PEM form.
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl fmt::Debug for CertificateFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateFiles")
            .field("cert", &self.cert)
            .finish_non_exhaustive()
    }
}

/// The labels that the metrics of a program have. Prometheus refuses a sample that has a label twice.
pub trait OwnLabels {
    /// The program, for messages.
    const PROGRAM: &'static str;
    /// The names of the labels.
    const NAMES: &'static [&'static str];
}

/// Text that may be empty.
pub fn optional_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// The files of a certificate, which may both be empty.
pub fn optional_certificate<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<CertificateFiles>, D::Error> {
    let files = Option::<CertificateFiles>::deserialize(deserializer)?;
    let is_set = |path: &PathBuf| !path.as_os_str().is_empty();
    match files {
        Some(files) if is_set(&files.cert) != is_set(&files.key) => Err(de::Error::custom(
            "cert and key belong together: set both or neither",
        )),
        files => Ok(files.filter(|files| is_set(&files.cert))),
    }
}

/// Labels for every sample.
pub fn extra_labels<'de, O: OwnLabels, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let labels = BTreeMap::<LabelName<O>, String>::deserialize(deserializer)?;
    let labels = labels.into_iter();
    Ok(labels.map(|(name, value)| (name.name, value)).collect())
}

/// A type of its own, so that a refusal names the line of the label.
struct LabelName<O> {
    name: String,
    own: PhantomData<O>,
}

impl<O> PartialEq for LabelName<O> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<O> Eq for LabelName<O> {}

impl<O> PartialOrd for LabelName<O> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<O> Ord for LabelName<O> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name.cmp(&other.name)
    }
}

impl<'de, O: OwnLabels> Deserialize<'de> for LabelName<O> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if O::NAMES.contains(&&*name) {
            let program = O::PROGRAM;
            return Err(de::Error::custom(format!(
                "the label {name:?} is used by {program}: choose another name"
            )));
        }
        if !is_label_name(&name) {
            return Err(de::Error::custom(format!(
                "{name:?} is not a valid label name: use letters, digits and underscores, without a \
                 digit or two underscores at the start"
            )));
        }
        let own = PhantomData;
        Ok(Self { name, own })
    }
}

fn is_label_name(name: &str) -> bool {
    let are_valid = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_first_valid = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    are_valid && is_first_valid && !name.starts_with("__")
}
