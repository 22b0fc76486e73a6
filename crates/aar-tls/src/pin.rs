use std::{error::Error as StdError, io, sync::Arc};

use aar_types::Fingerprint;
use jiff::Timestamp;
use rustls::{CertificateError, Error, OtherError, pki_types::UnixTime};

use crate::{Certificate, Validity};

/// The server shows a certificate that is not pinned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server shows the certificate {shown}, but {} is expected",
    list(expected)
)]
pub struct PinMismatch {
    pub expected: Vec<Fingerprint>,
    /// The certificate of the server.
    pub shown: Fingerprint,
}

impl PinMismatch {
    /// Searches an error, such as one of an HTTP client, and its sources.
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = Self::within(error) {
                return Some(found);
            }
            next = inner(error).or_else(|| error.source());
        }
        None
    }

    fn within<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let tls = error.downcast_ref::<Error>().and_then(|tls| match tls {
            Error::InvalidCertificate(CertificateError::Other(other)) => Some(&*other.0),
            _ => None,
        });
        match tls {
            Some(cause) => cause.downcast_ref(),
            None => error.downcast_ref(),
        }
    }
}

/// `io::Error::source` returns the source of the wrapped error, not the wrapped error itself.
fn inner<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>()?.get_ref()?;
    Some(wrapped)
}

fn list(fingerprints: &[Fingerprint]) -> String {
    let names: Vec<_> = fingerprints.iter().map(ToString::to_string).collect();
    names.join(" or ")
}

/// Checks that a certificate is one of the expected ones, and valid.
pub(crate) fn check(
    expected: &[Fingerprint],
    shown: &Certificate,
    now: UnixTime,
) -> Result<(), Error> {
    if !expected.contains(&shown.fingerprint()) {
        let mismatch = PinMismatch {
            expected: expected.to_vec(),
            shown: shown.fingerprint(),
        };
        return Err(CertificateError::Other(OtherError(Arc::new(mismatch))).into());
    }
    let now = i64::try_from(now.as_secs()).map_or(Timestamp::MAX, |seconds| {
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    });
    match shown.validity_at(now) {
        Validity::Valid => Ok(()),
        Validity::NotYetValid => Err(CertificateError::NotValidYet.into()),
        Validity::Expired => Err(CertificateError::Expired.into()),
    }
}
