use aar_testkit::TestRegistry;
use ams::operations::NewOperation;
use http::StatusCode;
use serde_json::{Value, json};

use super::calls::{CallBody, DefinitionCalls};
use crate::{
    events,
    running_ams::{Caller, RunningAms, base64, package},
};

const GAME: &str = "name: game\ninstance-type: a4.3\nboot-package: com.foo.bar\ntags: [fun]\n\
    addons: [ssh]\nvideo-encoder: software\nfeatures: [f]\nhooks: {timeout: 5m}\n\
    services: [{name: ssh, port: 22, protocols: [tcp], expose: true}]\n\
    resources: {cpus: 2, memory: 3GB, disk-size: 4GB, gpu-slots: 1, vpu-slots: 0}\n";

/// The id of an operation that does not exist.
const NO_OPERATION: &str = "bc85137b-b20d-470a-a6ea-daa9a2b8506a";

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_conforms_to_the_definition() {
    let ams = RunningAms::at_present().await;
    let calls = DefinitionCalls::new(&ams);
    service_and_events(&calls).await;
    certificates(&calls).await;
    configuration(&calls).await;
    applications(&calls).await;
    operations(&calls).await;
    registry(&calls).await;
    removal(&calls).await;
    assert_eq!(calls.not_called(), Vec::<&str>::new(), "not called");
}

async fn service_and_events(calls: &DefinitionCalls<'_>) {
    calls.succeed("service_get", &[], CallBody::Nothing).await;
    calls.succeed("version_get", &[], CallBody::Nothing).await;
    calls.succeed("events_auth", &[], CallBody::Nothing).await;

    let mut socket = events::listen(calls.ams.local().await, "").await.unwrap();
    calls.ams.create("name: heard\n").await;
    let mut kinds = Vec::new();
    while kinds.len() < 4 {
        let event = events::event(&mut socket).await;
        calls.definition.check_body("Event", &event);
        if event["type"] == "operation" {
            calls.definition.check_body("Operation", &event["metadata"]);
        }
        kinds.push(event["type"].clone());
    }
    assert!(kinds.contains(&json!("lifecycle")), "{kinds:?}");
    calls.mark("events_get");
    let plain = StatusCode::BAD_REQUEST;
    calls
        .refuse(&Caller::Local, "events_get", &[], CallBody::Nothing, plain)
        .await;
}

async fn certificates(calls: &DefinitionCalls<'_>) {
    let identity = calls.ams.identity("client");
    let fingerprint = identity.certificate().fingerprint().to_string();
    let post = || CallBody::Json(json!({"certificate": base64(&identity)}));
    calls.complete("certificates_post", &[], post()).await;
    let again = StatusCode::CONFLICT;
    calls
        .refuse(&Caller::Local, "certificates_post", &[], post(), again)
        .await;
    calls
        .succeed("certificates_get", &[], CallBody::Nothing)
        .await;
    calls
        .succeed("certificates_get_recursion1", &[], CallBody::Nothing)
        .await;
    calls
        .succeed("certificate_get", &[&fingerprint], CallBody::Nothing)
        .await;
    calls
        .complete("certificate_delete", &[&fingerprint], CallBody::Nothing)
        .await;
    for name in ["certificate_get", "certificate_delete"] {
        let gone = StatusCode::NOT_FOUND;
        calls
            .refuse(
                &Caller::Local,
                name,
                &[&fingerprint],
                CallBody::Nothing,
                gone,
            )
            .await;
    }
}

async fn configuration(calls: &DefinitionCalls<'_>) {
    calls.succeed("config_get", &[], CallBody::Nothing).await;
    let item = |name: &str, value: &str| CallBody::Json(json!({"name": name, "value": value}));
    calls
        .succeed("config_patch", &[], item("registry.mode", "manual"))
        .await;
    for (name, value, status) in [
        ("registry.mode", "both", StatusCode::BAD_REQUEST),
        ("registry.colour", "red", StatusCode::NOT_FOUND),
    ] {
        calls
            .refuse(
                &Caller::Local,
                "config_patch",
                &[],
                item(name, value),
                status,
            )
            .await;
    }
}

async fn applications(calls: &DefinitionCalls<'_>) {
    let created = calls
        .complete(
            "application_post",
            &["?vm=true"],
            CallBody::Package(&package(GAME)),
        )
        .await;
    let address = created.metadata()["resources"]["applications"][0].clone();
    let id = address
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    calls
        .complete(
            "application_patch_upload",
            &["game"],
            CallBody::Package(&package(GAME)),
        )
        .await;
    let change = json!({"tags": ["fun", "new"], "resources": {"gpu-type": "amd"}, "features": []});
    calls
        .complete("application_patch_meta", &[&id], CallBody::Json(change))
        .await;
    calls
        .succeed(
            "application_get",
            &[&id, "?entitlements=1"],
            CallBody::Nothing,
        )
        .await;
    for name in ["application_manifest_get", "application_get"] {
        calls.succeed(name, &["game"], CallBody::Nothing).await;
    }
    for name in [
        "application_version_get",
        "application_version_manifest_get",
    ] {
        calls.succeed(name, &["game", "1"], CallBody::Nothing).await;
    }
    let published = |published: bool| CallBody::Json(json!({"published": published}));
    calls
        .complete(
            "application_version_patch",
            &["game", "0"],
            published(false),
        )
        .await;
    calls
        .complete(
            "application_version_delete",
            &["game", "0"],
            CallBody::Nothing,
        )
        .await;
    listings(calls, &id).await;
    refusals(calls).await;
}

async fn listings(calls: &DefinitionCalls<'_>, id: &str) {
    let filters = [
        format!("id={id}"),
        "name=game&status=ready&instance_type=a4.3&boot_package=com.foo.bar".to_owned(),
        "immutable=false&inhibit_auto_updates=false&published=true&vm=true".to_owned(),
        "addons=ssh&tags=fun,new&abi=&parent_image_variant=android".to_owned(),
        "offset=0&limit=1&name=game".to_owned(),
    ];
    for filter in filters {
        for (name, mark) in [
            ("applications_get", "?"),
            ("applications_get_recursion1", "&"),
        ] {
            let listed = calls
                .succeed(name, &[&format!("{mark}{filter}")], CallBody::Nothing)
                .await;
            let listed = listed.json();
            assert_eq!(listed["total_size"], 1, "{filter}: {listed}");
        }
    }
    let entitled = calls.succeed(
        "applications_get_recursion1",
        &["&entitlements=1"],
        CallBody::Nothing,
    );
    assert!(entitled.await.metadata()[0]["entitlements"].is_array());
}

async fn refusals(calls: &DefinitionCalls<'_>) {
    for (name, arguments) in [
        ("application_get", &["nothing"][..]),
        ("application_delete", &["nothing"]),
        ("application_patch_meta", &["nothing"]),
        ("application_manifest_get", &["nothing"]),
        ("application_version_get", &["game", "9"]),
        ("application_version_delete", &["game", "9"]),
        ("application_version_manifest_get", &["game", "9"]),
    ] {
        let missing = StatusCode::NOT_FOUND;
        calls
            .refuse(&Caller::Local, name, arguments, CallBody::Nothing, missing)
            .await;
        let unauthorised = StatusCode::UNAUTHORIZED;
        calls
            .refuse(
                &Caller::Remote(None),
                name,
                arguments,
                CallBody::Nothing,
                unauthorised,
            )
            .await;
    }
    let wrong = StatusCode::BAD_REQUEST;
    let query = ["?limit=-2"];
    calls
        .refuse(
            &Caller::Local,
            "applications_get",
            &query,
            CallBody::Nothing,
            wrong,
        )
        .await;
    let arguments = ["game", "latest"];
    calls
        .refuse(
            &Caller::Local,
            "application_version_get",
            &arguments,
            CallBody::Nothing,
            wrong,
        )
        .await;
}

async fn operations(calls: &DefinitionCalls<'_>) {
    let new = NewOperation::on("Waiting", "applications", "/1.0/applications/x".to_owned());
    let work = async move |context: ams::operations::OperationContext| {
        context.cancelled().await;
        context.check_cancelled()
    };
    let begun = calls.ams.ams.operations().start(new.cancellable(), work);
    let id = begun.id.to_string();
    calls
        .succeed("operations_get", &[], CallBody::Nothing)
        .await;
    calls
        .succeed("operations_get_recursion1", &[], CallBody::Nothing)
        .await;
    calls
        .succeed("operation_get", &[&id], CallBody::Nothing)
        .await;
    calls
        .succeed(
            "operation_wait_get",
            &[&id, "?timeout=0"],
            CallBody::Nothing,
        )
        .await;
    calls
        .succeed("operation_delete", &[&id], CallBody::Nothing)
        .await;
    let ended = calls
        .succeed(
            "operation_wait_get",
            &[&id, "?timeout=-1"],
            CallBody::Nothing,
        )
        .await;
    assert_eq!(ended.metadata()["status_code"], 401);
    let late = StatusCode::BAD_REQUEST;
    calls
        .refuse(
            &Caller::Local,
            "operation_delete",
            &[&id],
            CallBody::Nothing,
            late,
        )
        .await;

    // No operation of AMS has a websocket, so only refusals can be tested.
    calls
        .refuse(
            &Caller::Local,
            "operation_websocket_get",
            &[&id],
            CallBody::Nothing,
            late,
        )
        .await;
    calls.mark("operation_websocket_get");
    for name in [
        "operation_get",
        "operation_delete",
        "operation_wait_get",
        "operation_websocket_get",
    ] {
        let missing = StatusCode::NOT_FOUND;
        calls
            .refuse(
                &Caller::Local,
                name,
                &[NO_OPERATION],
                CallBody::Nothing,
                missing,
            )
            .await;
    }
}

async fn registry(calls: &DefinitionCalls<'_>) {
    let registry = tokio::task::block_in_place(TestRegistry::start);
    let certificate = calls.ams.path("registry/client.crt");
    tokio::task::block_in_place(|| registry.trust(&certificate, "publisher"));
    let pem = fs_err::read_to_string(registry.certificate()).unwrap();
    let trusted = json!({"certificate": pem});
    calls
        .complete("certificates_post", &[], CallBody::Json(trusted))
        .await;
    for (name, value) in [
        ("registry.url", registry.url()),
        ("registry.fingerprint", registry.fingerprint()),
    ] {
        let item = json!({"name": name, "value": value});
        calls
            .succeed("config_patch", &[], CallBody::Json(item))
            .await;
    }
    calls
        .complete("registry_applications_push", &["game"], CallBody::Nothing)
        .await;
    let listed = calls
        .succeed("registry_applications_get", &[], CallBody::Nothing)
        .await;
    let expected = json!({
        "name": "game", "architectures": [calls.ams.ams.applications().architecture()],
        "boot_package": "com.foo.bar", "instance_type": "a4.3", "tags": ["fun", "new"], "vm": true,
    });
    let mut shown = listed.metadata()[0].clone();
    let versions = shown.as_object_mut().unwrap().remove("versions").unwrap();
    assert_eq!(shown, expected);
    let newest = json!({"boot_activity": "", "features": [], "hooks": {"timeout": "5m"},
        "bootstrap": {"keep": []}, "video_encoder": "software"});
    assert_eq!(versions["2"], newest);

    calls
        .complete("application_delete", &["game"], CallBody::Nothing)
        .await;
    calls
        .complete("registry_applications_pull", &["game"], CallBody::Nothing)
        .await;
    imported_is_immutable(calls).await;
    calls
        .complete("registry_applications_delete", &["game"], CallBody::Nothing)
        .await;
    let empty = calls
        .succeed("registry_applications_get", &[], CallBody::Nothing)
        .await;
    assert_eq!(empty.metadata(), json!([]));
}

async fn imported_is_immutable(calls: &DefinitionCalls<'_>) {
    let shown = calls
        .succeed("application_get", &["game"], CallBody::Nothing)
        .await;
    assert_eq!(shown.metadata()["immutable"], true);
    let no = StatusCode::FORBIDDEN;
    let change = || CallBody::Json(json!({"tags": []}));
    calls
        .refuse(
            &Caller::Local,
            "application_patch_meta",
            &["game"],
            change(),
            no,
        )
        .await;
    calls
        .refuse(
            &Caller::Local,
            "application_delete",
            &["game"],
            CallBody::Nothing,
            no,
        )
        .await;
}

async fn removal(calls: &DefinitionCalls<'_>) {
    let ids = |ids: &[&str]| CallBody::Json(json!({"ids": ids, "force": true}));
    let missing = StatusCode::NOT_FOUND;
    let some: [&str; 2] = ["game", "nothing"];
    calls
        .refuse(
            &Caller::Local,
            "applications_delete",
            &[],
            ids(&some),
            missing,
        )
        .await;
    calls
        .complete("applications_delete", &[], ids(&["game", "heard"]))
        .await;
    let left = calls
        .succeed("applications_get", &[], CallBody::Nothing)
        .await;
    assert_eq!(left.metadata(), Value::Array(Vec::new()));
}
