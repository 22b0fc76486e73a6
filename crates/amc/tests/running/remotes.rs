use aar_testkit::TestAms;

use crate::transcript::Transcript;

#[test]
fn remote_is_added_and_used() {
    let (local, remote) = (TestAms::start(), TestAms::start());
    remote.set(&[("core.trust_password", "s3cret")]);
    let url = remote.url();
    Transcript::at(&local)
        .in_list_formats("remote list")
        .fail(&format!("remote add there {url} s3cret"))
        .fail(&format!(
            "remote add there {url} --accept-certificate guess"
        ))
        .snapshot("remote_refused");
    // AMS delays the next attempt after a wrong password.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    Transcript::at(&local)
        .succeed(&format!(
            "remote add there {url} --accept-certificate s3cret"
        ))
        .in_list_formats("remote list")
        .succeed("--remote there application list")
        .succeed("remote set-default there")
        .succeed("config trust ls --format csv")
        .succeed("remote set-default local")
        .succeed(&format!("remote set-url there {url} --accept-certificate"))
        .fail(&format!(
            "remote add there {url} --accept-certificate s3cret"
        ))
        .fail("remote set-default nowhere")
        .fail(&format!("remote set-url nowhere {url}"))
        .fail("--remote nowhere info")
        .succeed("remote remove there")
        .fail("remote remove there")
        .succeed("remote list")
        .usage_error("remote list --format xml")
        .snapshot("remote");
}

#[test]
fn local_remote_cannot_be_changed_and_is_refused_without_a_connection() {
    let ams = TestAms::start();
    // A connection attempt would show in the error message.
    let unreachable = "https://127.0.0.1:1";
    Transcript::at(&ams)
        .succeed("remote add local unix://")
        .fail(&format!("remote add local {unreachable}"))
        .fail("remote add local unix:///run/other")
        .fail(&format!("remote set-url local {unreachable}"))
        .fail("remote remove local")
        .succeed("remote list --format csv")
        .snapshot("remote_local");
}

#[test]
fn remote_add_at_a_terminal_asks_about_the_certificate() {
    let (local, remote) = (TestAms::start(), TestAms::start());
    let add = format!("remote add there {}", remote.url());
    Transcript::at(&local)
        .answer("no", &add, 1)
        .answer("", &add, 1)
        .succeed("remote list --format csv")
        .answer("yes", &add, 0)
        .succeed("remote list --format csv")
        .snapshot("remote_asked");
}
