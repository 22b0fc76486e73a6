use aar_testkit::{TestAms, TestPki};

use crate::transcript::Transcript;

#[test]
fn configuration_is_shown_and_set() {
    let ams = TestAms::start();
    Transcript::at(&ams)
        .succeed("config show")
        .succeed("config set registry.url https://192.168.178.45:3000")
        .succeed("config set registry.update_interval 5m")
        .succeed("config set application.auto_publish false")
        .succeed("config set core.trust_password sUp3rs3cr3t")
        .succeed("config show")
        .succeed("config get registry.update_interval")
        .succeed("config get application.auto_publish")
        .fail(
            "config set registry.mode both
             config set registry.colour red
             config set core.https_address 1.2.3.4:5
             config set core.debug_address 127.0.0.1:9090
             config set application.max_published_versions none
             config get registry.colour
             config show --remote nowhere",
        )
        .snapshot("configuration");
}

#[test]
fn certificates_are_added_and_removed() {
    let ams = TestAms::start();
    let pki = TestPki::new();
    fs_err::copy(pki.client.certificate(), ams.base().join("client.crt")).unwrap();
    fs_err::write(ams.base().join("garbage.crt"), "garbage").unwrap();
    let fingerprint = pki.client.fingerprint();
    Transcript::at(&ams)
        .succeed("config trust list")
        .succeed("config trust add client.crt")
        .fail("config trust add client.crt")
        .in_list_formats("config trust ls")
        .fail("config trust remove 3")
        .succeed(&format!("config trust remove {}", &fingerprint[..12]))
        .fail(&format!("config trust remove {fingerprint}"))
        .fail("config trust remove xyz")
        .succeed("auth identity create tls/desk client.crt")
        .fail("auth identity create tls/desk client.crt")
        .fail("config trust list --remote nowhere")
        .fail("config trust add nothing.crt")
        .fail("config trust add garbage.crt")
        .fail("config trust add -")
        .snapshot("trust");
}

#[test]
fn short_fingerprint_prefix_removes_no_certificate() {
    let (ams, pki) = (TestAms::start(), TestPki::new());
    let certificate = pki.client.certificate().to_str().unwrap();
    ams.amc(&["config", "trust", "add", certificate]).success();
    let fingerprint = pki.client.fingerprint();
    for digits in [1, 11] {
        let digits = &fingerprint[..digits];
        let error = ams.amc(&["config", "trust", "remove", digits]).failure();
        assert!(error.contains("too short"), "{error}");
    }
    let trusted = ams.amc(&["config", "trust", "list"]).success();
    assert!(trusted.contains(&fingerprint), "{trusted}");
}

#[test]
fn info_is_shown() {
    let ams = TestAms::start();
    Transcript::at(&ams)
        .succeed("info")
        .in_document_formats("info")
        .fail("info --remote nowhere")
        .snapshot("info");
}

#[test]
fn completion_scripts_are_generated() {
    let ams = TestAms::start();
    let mut transcript = Transcript::at(&ams);
    for shell in ["bash", "fish", "powershell", "zsh"] {
        transcript.run_shortened(&format!("completion {shell}"));
    }
    transcript
        .succeed("version")
        .usage_error("version 2")
        .usage_error("completion tcsh")
        .usage_error("completion")
        .snapshot("completion");
}
