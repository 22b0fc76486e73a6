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
        .refused("--remote nowhere info")
        .run("remote remove there")
        .refused("remote remove there")
        .run("remote list")
        .snapshot("remote");
}
