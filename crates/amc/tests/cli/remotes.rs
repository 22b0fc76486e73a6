use super::run::User;

#[test]
fn the_ams_of_this_machine_is_always_there() {
    insta::assert_snapshot!(User::new().amc(&["remote", "list"]).whole(), @"
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
fn a_socket_can_be_a_remote_and_the_default() {
    let user = User::new();
    let add = user.amc(&["remote", "add", "other", "unix:///run/other.socket"]);
    assert_eq!(add.code, Some(0), "{}", add.stderr);
    let default = user.amc(&["remote", "set-default", "other"]);
    assert_eq!(default.code, Some(0), "{}", default.stderr);
    insta::assert_snapshot!(user.amc(&["remote", "list", "--format", "csv"]).whole(), @"
    exit code: 0
    ----- stdout -----
    NAME,URL,DEFAULT
    local,unix://,false
    other,unix:///run/other.socket,true
    ");
    insta::assert_snapshot!(user.amc(&["info"]).whole(), @"
    exit code: 1
    ----- stderr -----
    error: cannot reach AMS at /run/other.socket: No such file or directory (os error 2)
    hint: is AMS running? `--socket` names another socket, `amc remote set-default` another AMS
    ");
    insta::assert_snapshot!(user.amc(&["--remote", "local", "info"]).whole(), @"
    exit code: 1
    ----- stderr -----
    error: cannot reach AMS at ~/ams/server/unix.socket: No such file or directory (os error 2)
    hint: is AMS running? `--socket` names another socket, `amc remote set-default` another AMS
    ");
}

#[test]
fn a_remote_that_is_not_known_is_refused() {
    insta::assert_snapshot!(User::new().amc(&["remote", "set-default", "prod"]).whole(), @"
    exit code: 1
    ----- stderr -----
    error: there is no remote prod
    hint: `amc remote list` shows them
    ");
    insta::assert_snapshot!(User::new().amc(&["--remote", "prod", "info"]).whole(), @"
    exit code: 1
    ----- stderr -----
    error: there is no remote prod
    hint: `amc remote list` shows them
    ");
}

#[test]
fn an_address_that_is_none_is_explained() {
    let user = User::new();
    let outcome = user.amc(&["remote", "add", "prod", "ams0:8444"]);
    insta::assert_snapshot!(outcome.whole(), @r#"
    exit code: 1
    ----- stderr -----
    error: "ams0:8444" is not the address of an AMS: it does not begin with https:// and a host
    hint: an address looks like https://ams0.example.com:8444
    "#);
}
