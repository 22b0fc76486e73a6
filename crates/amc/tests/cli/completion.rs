use super::run::TestUser;

#[test]
fn script_is_generated_for_every_shell() {
    for shell in ["bash", "fish", "powershell", "zsh"] {
        let run = TestUser::new().amc(&["completion", shell]);
        assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{shell}");
        assert!(run.stdout.contains("confirm-removals"), "{shell}");
    }
}

#[test]
fn script_without_descriptions_has_no_help_texts() {
    let with = TestUser::new().amc(&["completion", "zsh"]).stdout;
    let without = TestUser::new()
        .amc(&["completion", "zsh", "--no-descriptions"])
        .stdout;
    assert!(with.contains("Manage applications"));
    assert!(!without.contains("Manage applications"));
}
