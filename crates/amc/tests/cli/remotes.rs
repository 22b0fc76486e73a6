use super::run::TestUser;

#[test]
fn local_remote_always_exists() {
    insta::assert_snapshot!(TestUser::new().amc(&["remote", "list"]).transcript(), @"
    exit code: 0
    ----- stdout -----
    +-------+---------+---------+
    |  NAME |   URL   | DEFAULT |
    +-------+---------+---------+
    | local | unix:// | true    |
    +-------+---------+---------+
    ");
}

#[test]
fn socket_is_added_as_a_remote_and_set_as_default() {
    let user = TestUser::new();
    let add = user.amc(&["remote", "add", "other", "unix:///run/other.socket"]);
    assert_eq!(add.code, Some(0), "{}", add.stderr);
    let default = user.amc(&["remote", "set-default", "other"]);
    assert_eq!(default.code, Some(0), "{}", default.stderr);
    insta::assert_snapshot!(user.amc(&["remote", "list", "--format", "csv"]).transcript(), @"
    exit code: 0
    ----- stdout -----
    NAME,URL,DEFAULT
    local,unix://,false
    other,unix:///run/other.socket,true
    ");
    insta::assert_snapshot!(user.amc(&["info"]).transcript(), @"
    exit code: 1
    ----- stderr -----
    error: cannot reach AMS at /run/other.socket: No such file or directory (os error 2)
    hint: is AMS running? To use another AMS: `--socket PATH`, `--remote NAME` or `amc remote set-default NAME`
    ");
    insta::assert_snapshot!(user.amc(&["--remote", "local", "info"]).transcript(), @"
    exit code: 1
    ----- stderr -----
    error: cannot reach AMS at ~/ams/server/unix.socket: No such file or directory (os error 2)
    hint: is AMS running? To use another AMS: `--socket PATH`, `--remote NAME` or `amc remote set-default NAME`
    ");
}

#[test]
fn unknown_remote_is_refused() {
    insta::assert_snapshot!(TestUser::new().amc(&["remote", "set-default", "prod"]).transcript(), @"
    exit code: 1
    ----- stderr -----
    error: there is no remote prod
    hint: `amc remote list` shows the remotes
    ");
    insta::assert_snapshot!(TestUser::new().amc(&["--remote", "prod", "info"]).transcript(), @"
    exit code: 1
    ----- stderr -----
    error: there is no remote prod
    hint: `amc remote list` shows the remotes
    ");
}

#[test]
fn invalid_address_is_explained() {
    let user = TestUser::new();
    let run = user.amc(&["remote", "add", "prod", "ams0:8444"]);
    insta::assert_snapshot!(run.transcript(), @r#"
    exit code: 1
    ----- stderr -----
    error: "ams0:8444" is not the address of an AMS: it does not start with https:// and a host
    hint: an address looks like https://ams0.example.com:8444
    "#);
}
