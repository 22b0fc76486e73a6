//! A full volume, with database and storage on it.

use aar_registry::{
    DatabaseOptions, Error, Options, Registry, StorageOptions, TrustRecords, UploadNew, Withdrawal,
};
use aar_testkit::SmallVolume;
use aar_types::{ErrorCode, ManualClock, Role};
use jiff::SignedDuration;

use crate::backend::{
    AMD64, body, certificate, digest, name, noise, number, put, refused, tagged, upload_of,
};
use aar_testkit::packed;

const MIB: usize = 1 << 20;
const VOLUME: u64 = 64;

struct Disk {
    volume: SmallVolume,
    clock: ManualClock,
    options: Options,
}

impl Disk {
    fn mount(test: &str) -> Option<Self> {
        let volume = SmallVolume::mount(test, VOLUME)?;
        let path = volume.path().join("registry.db");
        let root_directory = volume.path().join("data");
        let storage = StorageOptions::Fs { root_directory };
        let mut options = Options::new(DatabaseOptions::Sqlite { path }, storage);
        let clock = ManualClock::new("2100-01-01T00:00:00Z".parse().unwrap());
        options.clock = clock.clone().into();
        Some(Self {
            volume,
            clock,
            options,
        })
    }

    async fn open(&self) -> Registry {
        Registry::open(self.options.clone()).await.unwrap()
    }
}

async fn upload(registry: &Registry, content: &[u8]) -> Result<(), Error> {
    let operator = registry.operator("test");
    let upload = operator.create_upload(upload_of(content), "").await?;
    let pieces = content.chunks(MIB).map(bytes::Bytes::copy_from_slice);
    let pieces: Vec<_> = pieces.map(Ok::<_, std::io::Error>).collect();
    let body = futures_util::stream::iter(pieces);
    operator.append(upload.id, 0, body).await.map(drop)
}

async fn publish(registry: &Registry, application: &str, n: u32, content: &[u8]) {
    let image = packed(content);
    upload(registry, &image.bytes).await.unwrap();
    let put = put(image.info);
    let operator = registry.operator("test");
    let name = name(application);
    operator
        .publish(&name, AMD64, number(n), put)
        .await
        .unwrap();
}

#[tokio::test]
async fn full_volume_accepts_everything_that_frees_space_or_withdraws_trust() {
    let Some(disk) = Disk::mount("registry on a full volume") else {
        return;
    };
    let registry = disk.open().await;
    let operator = registry.operator("test");
    publish(&registry, "app", 0, &noise(MIB)).await;
    publish(&registry, "app", 1, &noise(2 * MIB)).await;
    publish(&registry, "other", 0, &noise(3 * MIB)).await;
    let certificates = [1, 2].map(|first| certificate(first, Role::Client));
    for one in &certificates {
        operator.trust_add(one.clone()).await.unwrap();
    }
    let content = noise(30 * MIB);
    let (first, digest) = (&content[..MIB], digest(&content));
    let length = content.len() as u64;
    let stuck = operator
        .create_upload(UploadNew { length, digest }, "")
        .await
        .unwrap();
    operator.append(stuck.id, 0, body([first])).await.unwrap();
    let filler = disk.volume.fill();
    let rest = operator.append(stuck.id, MIB as u64, body([first])).await;
    let full = refused(rest);
    assert_eq!(full.code(), ErrorCode::StorageFull, "{full}");

    // A restart on the full volume.
    registry.close().await;
    drop((operator, registry));
    let registry = disk.open().await;
    let operator = registry.operator("test");
    let records = TrustRecords::open(&disk.options, "test").await.unwrap();
    let [removed, revoked] = certificates.map(|one| one.fingerprint);
    records
        .withdraw(&removed, Withdrawal::Remove)
        .await
        .unwrap();
    records
        .withdraw(&revoked, Withdrawal::Revoke)
        .await
        .unwrap();
    records.close().await;
    operator.deliver_trust().await.unwrap();
    let change = operator
        .put_application(&name("app"), AMD64, tagged(&["tag"]))
        .await;
    assert_eq!(refused(change).code(), ErrorCode::StorageFull);
    let (app, other) = (name("app"), name("other"));
    let withdrawn = operator
        .set_published(&other, AMD64, number(0), false)
        .await;
    assert_eq!(withdrawn.unwrap(), Some(true));
    assert!(
        operator
            .remove_version(&app, AMD64, number(0))
            .await
            .unwrap()
    );
    assert_eq!(operator.remove_application(&app, None).await.unwrap(), 1);
    disk.clock.advance(SignedDuration::from_hours(48));
    let plan = operator.gc_plan().await.unwrap();
    let freed = operator.gc_apply(plan).await.unwrap();
    assert_eq!((freed.freed.len(), freed.spared.len()), (3, 0), "{freed:?}");

    fs_err::remove_file(filler).unwrap();
    publish(&registry, "app", 2, &noise(MIB)).await;
    let reserve = disk.volume.path().join("registry.db.reserve");
    assert!(reserve.metadata().unwrap().len() > 0);
    registry.close().await;
}

#[tokio::test]
async fn uploads_end_before_the_volume_is_full_and_large_ones_do_not_keep_small_ones_out() {
    let Some(disk) = Disk::mount("uploads to a small volume") else {
        return;
    };
    let registry = disk.open().await;
    let operator = registry.operator("test");
    let digest = digest(b"large");
    let length = VOLUME << 20;
    let large = refused(
        operator
            .create_upload(UploadNew { length, digest }, "")
            .await,
    );
    let text = large.to_string();
    assert_eq!(large.code(), ErrorCode::StorageFull);
    assert!(
        text.contains("data") && text.contains(&length.to_string()),
        "{text}"
    );
    publish(&registry, "app", 0, &noise(MIB)).await;
    let mut stored = 0;
    let full = loop {
        let mut content = noise(5 * MIB);
        content[0] = stored;
        match upload(&registry, &content).await {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full.code(), ErrorCode::StorageFull, "{full}");
    assert!((5..12).contains(&stored), "{stored}");
    // The rest of the volume is enough for everything small.
    let change = operator
        .put_application(&name("app"), AMD64, tagged(&["tag"]))
        .await;
    change.unwrap();
    registry.close().await;
}
