use super::run::User;

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "fish", "powershell", "zsh"] {
        let outcome = User::new().amc(&["completion", shell]);
        assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{shell}");
        assert!(outcome.stdout.contains("confirm-removals"), "{shell}");
    }
}

#[test]
fn descriptions_can_be_left_out() {
    let with = User::new().amc(&["completion", "zsh"]).stdout;
    let without = User::new()
        .amc(&["completion", "zsh", "--no-descriptions"])
        .stdout;
    assert!(with.contains("Manage applications"));
    assert!(!without.contains("Manage applications"));
}
