use super::support::Here;

#[tokio::test]
async fn values_survive_a_restart_and_an_empty_one_is_the_default() {
    let here = Here::new().await;
    here.ams
        .config()
        .set("registry.mode", "push")
        .await
        .unwrap();
    here.ams
        .config()
        .set("application.max_published_versions", "7")
        .await
        .unwrap();
    let here = here.again().await;
    let shown = here.ams.config().display_values();
    assert_eq!(shown["registry.mode"], "push");
    assert_eq!(shown["application.max_published_versions"], 7);
    assert_eq!(shown["application.auto_publish"], true);
    here.ams.config().set("registry.mode", "").await.unwrap();
    assert_eq!(here.ams.config().display_values()["registry.mode"], "pull");
}

#[tokio::test]
async fn the_trust_password_is_told_as_set_and_kept_as_a_hash() {
    let here = Here::new().await;
    assert_eq!(here.ams.config().display_values()["core.trust_password"], "");
    here.ams
        .config()
        .set("core.trust_password", "sUp3rs3cr3t")
        .await
        .unwrap();
    assert_eq!(here.ams.config().display_values()["core.trust_password"], "set");
    let here = here.again().await;
    for file in ["server/ams.db", "server/ams.db-wal"] {
        let bytes = fs_err::read(here.path(file)).unwrap_or_default();
        let found = bytes.windows(11).any(|window| window == b"sUp3rs3cr3t");
        assert!(!found, "the password is readable in {file}");
    }
}

#[tokio::test]
async fn a_change_reaches_whoever_watches_at_once() {
    let here = Here::new().await;
    let mut changes = here.ams.config().changes();
    here.ams
        .config()
        .set("registry.url", "https://registry:3000")
        .await
        .unwrap();
    assert!(changes.has_changed().unwrap());
    let current = changes.borrow_and_update().clone();
    assert_eq!(current.registry().url.unwrap().host_str(), Some("registry"));
}

#[tokio::test]
async fn the_address_that_is_listened_on_is_shown_and_cannot_be_set() {
    let here = Here::new().await;
    here.ams
        .config()
        .listening_on("127.0.0.1:8444".parse().unwrap());
    assert_eq!(
        here.ams.config().display_values()["core.https_address"],
        "127.0.0.1:8444"
    );
    let refusal = here
        .ams
        .config()
        .set("core.https_address", ":1")
        .await
        .unwrap_err();
    assert!(refusal.to_string().contains("read-only"));
}

#[tokio::test]
async fn the_password_of_a_proxy_is_used_and_not_shown_and_survives_its_mask() {
    let here = Here::new().await;
    let config = here.ams.config();
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
