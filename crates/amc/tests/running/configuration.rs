use aar_testkit::{TestAms, TestPki};

use crate::session::Session;

#[test]
fn the_configuration_is_shown_and_set() {
    let ams = TestAms::start();
    Session::at(&ams)
        .run("config show")
        .run("config set registry.url https://192.168.178.45:3000")
        .run("config set registry.update_interval 5m")
        .run("config set application.auto_publish false")
        .run("config set core.trust_password sUp3rs3cr3t")
        .run("config show")
        .refused(
            "config set registry.mode both
             config set registry.colour red
             config set core.https_address 1.2.3.4:5
             config set core.debug_address 127.0.0.1:9090
             config set application.max_published_versions none
             config show --remote nowhere",
        )
        .snapshot("configuration");
}

#[test]
fn certificates_are_trusted_and_not() {
    let ams = TestAms::start();
    let pki = TestPki::new();
    fs_err::copy(pki.client.certificate(), ams.base().join("client.crt")).unwrap();
    fs_err::write(ams.base().join("garbage.crt"), "garbage").unwrap();
    let fingerprint = pki.client.fingerprint();
    Session::at(&ams)
        .run("config trust list")
        .run("config trust add client.crt")
        .refused("config trust add client.crt")
        .listed("config trust ls")
        .refused("config trust remove 3")
        .run(&format!("config trust remove {}", &fingerprint[..12]))
        .refused(&format!("config trust remove {fingerprint}"))
        .refused("config trust remove xyz")
        .refused("config trust list --remote nowhere")
        .refused("config trust add nothing.crt")
        .refused("config trust add garbage.crt")
        .refused("config trust add -")
        .snapshot("trust");
}

#[test]
fn a_slip_of_the_finger_removes_no_certificate() {
    let (ams, pki) = (TestAms::start(), TestPki::new());
    let certificate = pki.client.certificate().to_str().unwrap();
    ams.amc(&["config", "trust", "add", certificate]).done();
    let fingerprint = pki.client.fingerprint();
    for digits in [1, 11] {
        let digits = &fingerprint[..digits];
        let told = ams.amc(&["config", "trust", "remove", digits]).refused();
        assert!(told.contains("too short"), "{told}");
    }
    let left = ams.amc(&["config", "trust", "list"]).done();
    assert!(left.contains(&fingerprint), "{left}");
}

#[test]
fn the_ams_is_shown() {
    let ams = TestAms::start();
    Session::at(&ams)
        .run("info")
        .shown("info")
        .refused("info --remote nowhere")
        .snapshot("info");
}

#[test]
fn shells_get_their_scripts() {
    let ams = TestAms::start();
    let mut session = Session::at(&ams);
    for shell in ["bash", "fish", "powershell", "zsh"] {
        session.begun(&format!("completion {shell}"));
    }
    session
        .misused("completion tcsh")
        .misused("completion")
        .snapshot("completion");
}
