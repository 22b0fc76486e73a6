//! Uploads with a stock client of the tus protocol.

use std::process::Command;

use aar_testkit::{Folder, Persona, TestPki, TestRegistry, program, sha256, skip, tool};

const WHAT: &str = "uploads with tuspy";
const SCRIPT: &str = r#"
import sys
from tusclient import client
url, certificate, key, path, digest = sys.argv[1:]
options = dict(chunk_size=1 << 20, metadata={"digest": digest}, verify_tls_cert=False)
tus = client.TusClient(url, client_cert=(certificate, key))
uploader = tus.uploader(path, **options)
uploader.upload_chunk()
again = tus.uploader(path, url=uploader.url, **options)
assert again.offset == 1 << 20, again.offset
again.upload()
print(again.url)
"#;

/// A Python with tuspy; `None` where it cannot be had.
fn python(folder: &Folder) -> Option<std::path::PathBuf> {
    let venv = folder.join("venv");
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&venv)
        .output();
    if !made.unwrap().status.success() {
        return None;
    }
    let python = venv.join("bin/python");
    let installed = Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "tuspy==1.1.0",
        ])
        .output();
    installed.unwrap().status.success().then_some(python)
}

fn upload(
    python: &std::path::Path,
    registry: &TestRegistry,
    who: &Persona,
    file: &std::path::Path,
) -> String {
    let run = Command::new(python)
        .args(["-c", SCRIPT, &format!("{}/1.0/uploads", registry.url())])
        .args([who.certificate(), who.key(), file])
        .arg(sha256(file))
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{complaints}\n{}", registry.log());
    String::from_utf8(run.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_stock_client_uploads_in_parts_and_continues() {
    let _built = program("aar");
    if tool("python3").is_none() {
        return skip(WHAT, "there is no python3");
    }
    let folder = Folder::new("tus");
    let Some(python) = python(&folder) else {
        return skip(WHAT, "tuspy cannot be installed");
    };
    let (registry, pki) = (TestRegistry::start(), TestPki::new());
    registry.trust(pki.publisher.certificate(), "publisher");
    let bytes: Vec<u8> = (0..5_000_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let file = folder.write("image", &bytes);
    let url = upload(&python, &registry, &pki.publisher, &file);
    let path = url.strip_prefix(&registry.url()).unwrap_or(&url);
    let http = registry.http(Some(&pki.publisher));
    let headers = [("tus-resumable", "1.0.0")];
    let answer = http.send("HEAD", path, &headers, Vec::new());
    assert_eq!(answer.headers["upload-offset"], bytes.len().to_string());
    let digest = sha256(&file);
    let stored = registry.stored();
    assert!(
        stored
            .iter()
            .any(|(path, size)| path.ends_with(&digest) && *size == bytes.len() as u64),
        "{stored:?}"
    );
}
