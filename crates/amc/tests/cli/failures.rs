use std::fs;

use super::run::TestUser;

#[test]
fn unreachable_ams_is_an_error_with_a_hint() {
    insta::assert_snapshot!(TestUser::new().amc(&["application", "list"]).transcript(), @"
    exit code: 1
    ----- stderr -----
    error: cannot reach AMS at ~/ams/server/unix.socket: No such file or directory (os error 2)
    hint: is AMS running? To use another AMS: `--socket PATH`, `--remote NAME` or `amc remote set-default NAME`
    ");
    let socket = TestUser::new().amc(&["--socket", "/nowhere/socket", "config", "show"]);
    insta::assert_snapshot!(socket.transcript(), @"
    exit code: 1
    ----- stderr -----
    error: cannot reach AMS at /nowhere/socket: No such file or directory (os error 2)
    hint: is AMS running? To use another AMS: `--socket PATH`, `--remote NAME` or `amc remote set-default NAME`
    ");
}

#[test]
fn folder_without_manifest_is_refused_before_a_request() {
    let user = TestUser::new();
    fs::create_dir(user.home().join("candy")).unwrap();
    insta::assert_snapshot!(user.amc(&["application", "create", "candy"]).transcript(), @"
    exit code: 1
    ----- stderr -----
    error: there is no manifest.yaml in candy
    hint: a package is a folder with a manifest.yaml that contains at least `name: NAME`
    ");
}

#[test]
fn missing_package_is_named() {
    insta::assert_snapshot!(TestUser::new().amc(&["application", "create", "candy.zip"]).transcript(), @"
    exit code: 1
    ----- stderr -----
    error: failed to open file `candy.zip`: No such file or directory (os error 2)
    ");
}

#[test]
fn empty_package_is_refused() {
    let user = TestUser::new();
    fs::write(user.home().join("candy.zip"), "").unwrap();
    insta::assert_snapshot!(user.amc(&["application", "create", "candy.zip"]).transcript(), @"
    exit code: 1
    ----- stderr -----
    error: candy.zip is empty
    hint: a package is a folder, .zip or .tar.bz2 that contains a manifest.yaml
    ");
}

#[test]
fn file_that_is_not_a_certificate_is_refused() {
    let user = TestUser::new();
    fs::write(user.home().join("client.crt"), "hello").unwrap();
    let run = user.amc(&["config", "trust", "add", "client.crt"]);
    insta::assert_snapshot!(run.transcript(), @"
    exit code: 1
    ----- stderr -----
    error: client.crt: this is not a certificate: it has no line -----BEGIN CERTIFICATE-----
    ");
}
