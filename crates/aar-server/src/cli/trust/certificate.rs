use std::{
    io::{self, IsTerminal as _, Read as _},
    path::Path,
};

use aar_cli::Printer;
use aar_tls::Certificate;
use anyhow::{Context as _, bail, ensure};

/// Larger than any certificate.
const MAX_BYTES: u64 = 1 << 20;
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// Reads a certificate from a file or from standard input.
pub(super) fn read(printer: &Printer, path: Option<&Path>) -> anyhow::Result<Certificate> {
    if let Some(path) = path.filter(|path| *path != Path::new("-")) {
        let file = fs_err::File::open(path)?;
        return parse(&read_bytes(file)?).with_context(|| path.display().to_string());
    }
    if io::stdin().is_terminal() {
        printer.note("paste the certificate, then press Ctrl-D");
    }
    parse(&read_bytes(io::stdin().lock())?).context("standard input")
}

fn read_bytes(source: impl io::Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= MAX_BYTES,
        "too large for a certificate"
    );
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> anyhow::Result<Certificate> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Ok(Certificate::from_der(bytes)?);
    };
    let count = text.matches(BEGIN).count();
    if count > 1 {
        bail!("the text has {count} certificates: add one at a time");
    }
    Ok(Certificate::from_pem(text)?)
}

#[cfg(test)]
mod tests {
    use aar_tls::{Identity, NewIdentity};
    use aar_types::Clock;

    use super::*;

    fn identity() -> Identity {
        let now = Clock::system().now();
        let new = NewIdentity {
            common_name: "ams0".to_owned(),
            hosts: vec![],
            not_before: now,
            not_after: now + std::time::Duration::from_hours(1),
        };
        Identity::generate(&new).unwrap()
    }

    fn refusal(bytes: &[u8]) -> String {
        format!("{:#}", parse(bytes).unwrap_err())
    }

    #[test]
    fn certificate_is_read_in_pem_base64_and_der_form() {
        let identity = identity();
        let certificate = identity.certificate();
        for form in [
            certificate.to_pem().as_bytes(),
            certificate.to_base64().as_bytes(),
            certificate.der(),
        ] {
            assert_eq!(&parse(form).unwrap(), certificate);
        }
    }

    #[test]
    fn refusal_describes_the_input() {
        let identity = identity();
        let twice = identity.certificate().to_pem().repeat(2);
        for (input, expected) in [
            (identity.key_pem(), "private key"),
            (&twice, "2 certificates"),
            ("", "empty"),
            ("hello", "-----BEGIN CERTIFICATE-----"),
        ] {
            let refusal = refusal(input.as_bytes());
            assert!(refusal.contains(expected), "{refusal}");
        }
        assert!(refusal(&[0xff, 0x00]).contains("X.509"));
    }
}
