use std::fs;

use super::run::User;

#[test]
fn an_ams_that_is_not_there_is_a_failure_with_a_hint() {
    insta::assert_snapshot!(User::new().amc(&["application", "list"]).whole(), @"
    exit code: 1
    ----- stderr -----
    error: cannot reach AMS at ~/ams/server/unix.socket: No such file or directory (os error 2)
    hint: is AMS running? `--socket` names another socket, `amc remote set-default` another AMS
    ");
    let socket = User::new().amc(&["--socket", "/nowhere/socket", "config", "show"]);
    insta::assert_snapshot!(socket.whole(), @"
    exit code: 1
    ----- stderr -----
    error: cannot reach AMS at /nowhere/socket: No such file or directory (os error 2)
    hint: is AMS running? `--socket` names another socket, `amc remote set-default` another AMS
    ");
}

#[test]
fn a_folder_that_is_no_package_is_refused_before_anybody_is_asked() {
    let user = User::new();
    fs::create_dir(user.home().join("candy")).unwrap();
    insta::assert_snapshot!(user.amc(&["application", "create", "candy"]).whole(), @"
    exit code: 1
    ----- stderr -----
    error: candy holds no manifest.yaml
    hint: a package is a folder with a manifest.yaml that says at least `name: NAME`
    ");
}

#[test]
fn a_package_that_is_not_there_is_named() {
    insta::assert_snapshot!(User::new().amc(&["application", "create", "candy.zip"]).whole(), @"
    exit code: 1
    ----- stderr -----
    error: failed to open file `candy.zip`: No such file or directory (os error 2)
    ");
}

#[test]
fn an_empty_package_is_refused() {
    let user = User::new();
    fs::write(user.home().join("candy.zip"), "").unwrap();
    insta::assert_snapshot!(user.amc(&["application", "create", "candy.zip"]).whole(), @"
    exit code: 1
    ----- stderr -----
    error: candy.zip is empty
    hint: a package is a folder, a .zip or a .tar.bz2 with a manifest.yaml
    ");
}

#[test]
fn what_is_no_certificate_is_refused() {
    let user = User::new();
    fs::write(user.home().join("client.crt"), "hello").unwrap();
    let outcome = user.amc(&["config", "trust", "add", "client.crt"]);
    insta::assert_snapshot!(outcome.whole(), @"
    exit code: 1
    ----- stderr -----
    error: client.crt: this is not a certificate in PEM form: there is no line -----BEGIN CERTIFICATE----- in it
    ");
}

#[test]
fn nothing_is_deleted_unasked() {
    insta::assert_snapshot!(User::new().amc(&["application", "delete", "candy"]).whole(), @"
    exit code: 1
    ----- stderr -----
    error: nothing was deleted
    hint: where nobody can be asked, --yes says that it is meant
    ");
}
