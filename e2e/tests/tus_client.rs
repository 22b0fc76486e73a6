//! Uploads with tuspy, a widespread client of the tus protocol.

use std::process::Command;

use aar_testkit::{Folder, Persona, TestPki, TestRegistry, program, python_environment, sha256};

const TEST: &str = "uploads with tuspy";
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

fn upload(
    python: &std::path::Path,
    registry: &TestRegistry,
    persona: &Persona,
    file: &std::path::Path,
) -> String {
    let run = Command::new(python)
        .args(["-c", SCRIPT, &format!("{}/1.0/uploads", registry.url())])
        .args([persona.certificate(), persona.key(), file])
        .arg(sha256(file))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{errors}\n{}", registry.log());
    String::from_utf8(run.stdout).unwrap().trim().to_owned()
}

#[test]
fn tuspy_uploads_in_parts_and_resumes() {
    let _built = program("aar");
    let Some(python) = python_environment(TEST, "tuspy", &["tuspy==1.1.0"]) else {
        return;
    };
    let folder = Folder::new("tus");
    let (registry, pki) = (TestRegistry::start(), TestPki::new());
    registry.trust(pki.publisher.certificate(), "publisher");
    let bytes: Vec<u8> = (0..5_000_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let file = folder.write("image", &bytes);
    let url = upload(&python.join("python"), &registry, &pki.publisher, &file);
    let path = url.strip_prefix(&registry.url()).unwrap_or(&url);
    let http = registry.http(Some(&pki.publisher));
    let headers = [("tus-resumable", "1.0.0")];
    let response = http.send("HEAD", path, &headers, Vec::new());
    assert_eq!(response.headers["upload-offset"], bytes.len().to_string());
    let digest = sha256(&file);
    let stored = registry.stored_objects();
    assert!(
        stored
            .iter()
            .any(|(path, size)| path.ends_with(&digest) && *size == bytes.len() as u64),
        "{stored:?}"
    );
}
