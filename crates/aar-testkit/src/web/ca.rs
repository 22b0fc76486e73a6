use std::path::PathBuf;

use aar_tls::Identity;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::Folder;

/// A private CA. Clients trust it if `SSL_CERT_FILE` names its certificate.
#[derive(Debug)]
pub struct TestCa {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: Folder,
}

impl TestCa {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let names = &mut params.distinguished_name;
        names.push(DnType::CommonName, "test CA");
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let folder = Folder::new("ca");
        folder.write("ca.crt", issuer.pem());
        Self { issuer, folder }
    }

    /// The file with the certificate of the CA.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// A certificate for the loopback address with its key, and the file with the certificate.
    pub(super) fn issue(&self) -> (Identity, PathBuf) {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        let issued = params.signed_by(&key, &self.issuer).unwrap();
        let name = key
            .public_key_raw()
            .iter()
            .map(|byte| format!("{byte:02x}"));
        let name: String = name.take(16).collect();
        let certificate = self.folder.write(format!("{name}.crt"), issued.pem());
        let key = self
            .folder
            .write(format!("{name}.key"), key.serialize_pem());
        (Identity::load(&certificate, &key).unwrap(), certificate)
    }
}

impl Default for TestCa {
    fn default() -> Self {
        Self::new()
    }
}
