use std::{fmt, io, path::Path, sync::Arc};

use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rcgen::{KeyUsagePurpose, date_time_ymd};
use rustls::{
    pki_types::{PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SigningKey},
};

use crate::{Certificate, Error, provider};

mod private_key;

/// A certificate with its private key. Cheap to clone; `Debug` never shows the key.
#[derive(Clone)]
pub struct Identity(Arc<IdentityParts>);

struct IdentityParts {
    certificate: Certificate,
    key_pem: String,
    certified: Arc<CertifiedKey>,
}

/// The content of a certificate to create.
#[derive(Debug, Clone)]
pub struct NewIdentity {
    /// The common name of the subject.
    pub common_name: String,
    /// DNS names and IP addresses; see [`host_names`](crate::host_names).
    pub hosts: Vec<String>,
    /// The start of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
}

impl Identity {
    /// Loads a certificate and its key, both in PEM form. A key that does not match is refused. A key that
    /// other users can read is made private, or refused.
    pub fn load(cert: &Path, key: &Path) -> Result<Self, Error> {
        let in_file = |path: &Path, source| Error::InFile {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let bytes = fs_err::read(cert)?;
        let chain = Certificate::chain_from(&bytes).map_err(|e| in_file(cert, e))?;
        private_key::make_private(key)?;
        let key_pem = fs_err::read_to_string(key)?;
        Self::assemble(chain, key_pem).map_err(|error| match error {
            Error::KeyMismatch => Error::FilesMismatch {
                certificate: cert.to_owned(),
                key: key.to_owned(),
            },
            error => in_file(key, error),
        })
    }

    /// Loads a certificate and its key, or creates both if there are none; the flag says whether they
    /// were created. Existing files are never overwritten: a certificate without its key is an error,
    /// a key without certificate gets one.
    pub fn load_or_create(
        cert: &Path,
        key: &Path,
        new: &NewIdentity,
    ) -> Result<(Self, bool), Error> {
        match (exists(cert)?, exists(key)?) {
            (true, true) => Ok((Self::load(cert, key)?, false)),
            (true, false) => Err(Error::KeyMissing {
                certificate: cert.to_owned(),
                key: key.to_owned(),
            }),
            (false, has_key) => Ok((Self::create(cert, key, has_key, new)?, true)),
        }
    }

    /// Writes the key first: after a crash in between, the next attempt continues with that key.
    fn create(cert: &Path, key: &Path, has_key: bool, new: &NewIdentity) -> Result<Self, Error> {
        if !has_key {
            let pem = KeyPair::generate()?.serialize_pem();
            create_file(key, &pem, aar_fs::PRIVATE)?;
        }
        private_key::make_private(key)?;
        let pair = KeyPair::from_pem(&fs_err::read_to_string(key)?)?;
        let pem = Self::sign(&pair, new)?.certificate().to_pem();
        create_file(cert, &pem, aar_fs::PUBLIC)?;
        // Another process may have created the files first; those count.
        Self::load(cert, key)
    }

    /// Creates a self-signed certificate with a new ECDSA P-256 key, in memory.
    pub fn generate(new: &NewIdentity) -> Result<Self, Error> {
        Self::sign(&KeyPair::generate()?, new)
    }

    fn sign(pair: &KeyPair, new: &NewIdentity) -> Result<Self, Error> {
        let signed = parameters(new)?.self_signed(pair)?;
        let certificate = Certificate::from_der(signed.der())?;
        Self::assemble(vec![certificate], pair.serialize_pem())
    }

    fn assemble(chain: Vec<Certificate>, key_pem: String) -> Result<Self, Error> {
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| Error::NotAKey)?;
        let ders = chain.iter().map(Certificate::to_rustls).collect();
        let certificate = chain.into_iter().next().ok_or(Error::NotAKey)?;
        let certified = CertifiedKey::new(ders, signing_key(key, &certificate)?);
        Ok(Self(Arc::new(IdentityParts {
            certificate,
            key_pem,
            certified: Arc::new(certified),
        })))
    }

    pub fn certificate(&self) -> &Certificate {
        &self.0.certificate
    }

    /// The private key in PEM form.
    pub fn key_pem(&self) -> &str {
        &self.0.key_pem
    }

    pub(crate) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.certified)
    }
}

/// rustls compares a key only with certificates that it can parse, which leaves out X.509 v1.
fn signing_key(
    key: PrivateKeyDer<'static>,
    certificate: &Certificate,
) -> Result<Arc<dyn SigningKey>, Error> {
    let loaded = provider::provider().key_provider.load_private_key(key);
    let loaded = loaded.map_err(Error::KeyRefused)?;
    if loaded.public_key().as_ref() != Some(certificate.public_key()) {
        return Err(Error::KeyMismatch);
    }
    Ok(loaded)
}

fn parameters(new: &NewIdentity) -> Result<CertificateParams, Error> {
    let mut parameters = CertificateParams::new(new.hosts.clone())?;
    parameters.distinguished_name = DistinguishedName::new();
    let name = &mut parameters.distinguished_name;
    name.push(DnType::CommonName, new.common_name.as_str());
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let epoch = date_time_ymd(1970, 1, 1);
    parameters.not_before = epoch + since_epoch(new.not_before);
    parameters.not_after = epoch + since_epoch(new.not_after);
    Ok(parameters)
}

fn since_epoch(time: Timestamp) -> std::time::Duration {
    std::time::Duration::from_secs(u64::try_from(time.as_second()).unwrap_or(0))
}

fn exists(path: &Path) -> io::Result<bool> {
    Ok(aar_fs::if_exists(fs_err::metadata(path))?.is_some())
}

fn create_file(path: &Path, pem: &str, mode: u32) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        aar_fs::create_private_folder(folder)?;
    }
    aar_fs::create_with(path, pem.as_bytes(), mode).map(drop)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificate", &self.0.certificate)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
