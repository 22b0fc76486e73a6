use super::support::TestAms;

#[tokio::test]
async fn value_survives_a_restart_and_an_empty_one_restores_the_default() {
    let ams = TestAms::new().await;
    ams.config().set("registry.mode", "push").await.unwrap();
    ams.config()
        .set("application.max_published_versions", "7")
        .await
        .unwrap();
    let ams = ams.restart().await;
    let shown = ams.config().display_values();
    assert_eq!(shown["registry.mode"], "push");
    assert_eq!(shown["application.max_published_versions"], 7);
    assert_eq!(shown["application.auto_publish"], true);
    ams.config().set("registry.mode", "").await.unwrap();
    assert_eq!(ams.config().display_values()["registry.mode"], "pull");
}

#[tokio::test]
async fn trust_password_is_shown_as_set_and_stored_as_a_hash() {
    let ams = TestAms::new().await;
    assert_eq!(
        ams.config().display_values()["core.trust_password"],
        "false"
    );
    ams.config()
        .set("core.trust_password", "sUp3rs3cr3t")
        .await
        .unwrap();
    assert_eq!(ams.config().display_values()["core.trust_password"], "true");
    let ams = ams.restart().await;
    for file in ["server/ams.db", "server/ams.db-wal"] {
        let bytes = fs_err::read(ams.path(file)).unwrap();
        let found = bytes.windows(11).any(|window| window == b"sUp3rs3cr3t");
        assert!(!found, "{file} contains the password");
    }
}

#[tokio::test]
async fn watcher_receives_a_change_at_once() {
    let ams = TestAms::new().await;
    let mut changes = ams.config().changes();
    ams.config()
        .set("registry.url", "https://registry:3000")
        .await
        .unwrap();
    assert!(changes.has_changed().unwrap());
    let current = changes.borrow_and_update().clone();
    assert_eq!(current.registry().url.unwrap().host_str(), Some("registry"));
}

#[tokio::test]
async fn listen_address_is_shown_and_read_only() {
    let ams = TestAms::new().await;
    ams.config().listening_on("127.0.0.1:8444".parse().unwrap());
    assert_eq!(
        ams.config().display_values()["core.https_address"],
        "127.0.0.1:8444"
    );
    let refusal = ams
        .config()
        .set("core.https_address", ":1")
        .await
        .unwrap_err();
    assert!(refusal.to_string().contains("read-only"));
}

#[tokio::test]
async fn proxy_password_is_used_but_masked_and_setting_the_mask_keeps_it() {
    let ams = TestAms::new().await;
    let config = ams.config();
    let item = "core.proxy_https";
    config
        .set(item, "http://user:secret@proxy:3128")
        .await
        .unwrap();
    let shown = config.display_values()[item].clone();
    assert_eq!(shown, "http://user:***@proxy:3128");
    config.set(item, shown.as_str().unwrap()).await.unwrap();
    let proxy = config.current().registry().proxy.https.unwrap();
    assert_eq!(proxy.password(), Some("secret"));
    let refusal = config.set(item, "http://user:***@other:3128").await;
    let refusal = refusal.unwrap_err().to_string();
    assert!(refusal.contains("give the password itself"), "{refusal}");
    assert_eq!(config.display_values()[item], shown);
    let refusal = config.set(item, "ftp://user:secret@proxy").await;
    let refusal = refusal.unwrap_err().to_string();
    assert!(!refusal.contains("secret"), "{refusal}");
}
