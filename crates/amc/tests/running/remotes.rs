use aar_testkit::TestAms;

use crate::session::Session;

#[test]
fn another_ams_is_added_and_used() {
    let (here, there) = (TestAms::start(), TestAms::start());
    there.set(&[("core.trust_password", "s3cret")]);
    let url = there.url();
    Session::at(&here)
        .listed("remote list")
        .refused(&format!("remote add there {url} s3cret"))
        .refused(&format!(
            "remote add there {url} --accept-certificate guess"
        ))
        .snapshot("remote_refused");
    // Who guesses has to wait.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    Session::at(&here)
        .run(&format!(
            "remote add there {url} --accept-certificate s3cret"
        ))
        .listed("remote list")
        .run("--remote there application list")
        .run("remote set-default there")
        .run("config trust ls --format csv")
        .run("remote set-default local")
        .run(&format!("remote set-url there {url} --accept-certificate"))
        .refused(&format!(
            "remote add there {url} --accept-certificate s3cret"
        ))
        .refused("remote set-default nowhere")
        .refused(&format!("remote set-url nowhere {url}"))
        .refused("--remote nowhere info")
        .run("remote remove there")
        .refused("remote remove there")
        .run("remote list")
        .misused("remote list --format xml")
        .snapshot("remote");
}

#[test]
fn the_remote_of_this_machine_stays_as_it_is_and_nobody_is_asked_about_another() {
    let ams = TestAms::start();
    // Nobody listens there: whoever tries to connect says so.
    let nobody = "https://127.0.0.1:1";
    Session::at(&ams)
        .run("remote add local unix://")
        .refused(&format!("remote add local {nobody}"))
        .refused("remote add local unix:///run/other")
        .refused(&format!("remote set-url local {nobody}"))
        .refused("remote remove local")
        .run("remote list --format csv")
        .snapshot("remote_local");
}

#[test]
fn who_sits_at_a_terminal_is_asked_whether_the_certificate_is_right() {
    let (here, there) = (TestAms::start(), TestAms::start());
    let add = format!("remote add there {}", there.url());
    Session::at(&here)
        .answered("no", &add, 1)
        .answered("", &add, 1)
        .run("remote list --format csv")
        .answered("yes", &add, 0)
        .run("remote list --format csv")
        .snapshot("remote_asked");
}
