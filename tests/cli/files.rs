//! Owner: cli. The files that an administrator names: large, endless or missing ones.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use dialhook::config::DEFAULT_PATH;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::util::{configured, dialhook, exit_and_output, run, skipped, within_time_limit};

/// `check` with a configuration from a pipe.
async fn piped(text: &str) -> (i32, String, String) {
    let mut command = dialhook(&["check", "--config", "/dev/stdin"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = command.spawn().unwrap();
    let mut pipe = program.stdin.take().unwrap();
    let text = text.to_owned();
    let writing = tokio::spawn(async move { pipe.write_all(text.as_bytes()).await });
    let result =
        exit_and_output(&within_time_limit("the program", program.wait_with_output()).await.unwrap());
    let _who_has_enough_closes_it = writing.await.unwrap();
    result
}

#[tokio::test]
async fn check_reads_a_configuration_from_a_pipe() {
    let (status, out, err) = piped("[hook.crm]\nurl = \"http://h/\"\n").await;
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains("/dev/stdin: no fault, 1 hook\n"), "{out}");
}

#[tokio::test]
async fn check_reads_at_most_1_mib() {
    let most = "#".repeat(1024 * 1024);
    assert_eq!(piped(&most).await.0, 0);
    let (status, _, err) = piped(&(most + "#")).await;
    let remedy = "write it into a regular file of at most 1MiB";
    assert_eq!(
        (status, err),
        (1, format!("dialhook: cannot read /dev/stdin: it has more than 1MiB; {remedy}\n"))
    );
    let (status, _, err) = run(&["check", "--config", "/dev/zero"]).await;
    assert_eq!(
        (status, err),
        (1, format!("dialhook: cannot read /dev/zero: it has more than 1MiB; {remedy}\n"))
    );
}

/// The output of `check` for a hook with this key, whose file is made like this.
async fn of_a_file(key: &str, make: impl AsyncFnOnce(&Path)) -> String {
    let (folder, file) = configured(&format!("[hook.crm]\nurl = \"https://h/\"\n{key}\n"));
    make(&folder.path().join("beside")).await;
    run(&["check", "--config", file.to_str().unwrap()]).await.2
}

#[tokio::test]
async fn a_secret_is_a_regular_file_of_at_most_64_kib() {
    const KEY: &str = "bearer = { file = \"beside\" }";
    let of_length =
        async |length| of_a_file(KEY, async |path| fs::write(path, vec![b'x'; length]).unwrap()).await;
    assert_eq!(of_length(64 * 1024).await, "");
    let fault = of_length(64 * 1024 + 1).await;
    assert!(fault.contains(":3: hook.crm.bearer.file: cannot read /"), "{fault}");
    assert!(
        fault.ends_with("/beside: it has more than 64KiB; name a regular file of at most 64KiB\n"),
        "{fault}"
    );
    let pipe = async |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().await.unwrap().success());
    };
    let fault = of_a_file(KEY, pipe).await;
    assert!(
        fault.ends_with("/beside: it is not a regular file; name a regular file of at most 64KiB\n"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_pem_file_may_be_longer_than_a_secret() {
    let of_length = async |length| {
        let make = async |path: &Path| fs::write(path, vec![b'x'; length]).unwrap();
        of_a_file("ca = \"beside\"", make).await
    };
    let fault = of_length(1024 * 1024).await;
    assert!(fault.contains("holds no valid certificate in PEM"), "{fault}");
    let fault = of_length(1024 * 1024 + 1).await;
    assert!(fault.contains("it has more than 1MiB; name a regular file of at most 1MiB"), "{fault}");
}

#[tokio::test]
async fn a_missing_configuration_is_not_reported_as_one_without_hooks() {
    if Path::new(DEFAULT_PATH).exists() {
        return skipped("a missing configuration: this machine has one");
    }
    let remedy = format!(
        "because the file {DEFAULT_PATH} does not exist; create it, or name another file with --config"
    );
    let (status, _, err) = run(&["try", "crm"]).await;
    assert_eq!((status, err), (2, format!("dialhook: no hook `crm`, {remedy}\n")));
    let (folder, _) = configured("");
    let dialplan = folder.path().join("extensions.conf");
    fs::write(&dialplan, "exten => 1,1,AGI(agi://127.0.0.1/crm)\n").unwrap();
    let (status, _, err) = run(&["check", dialplan.to_str().unwrap()]).await;
    assert_eq!(status, 1);
    assert!(err.ends_with(&format!(": no such hook, {remedy}\n")), "{err}");
}

#[tokio::test]
async fn a_dialplan_that_is_endless_or_a_folder_is_a_fault() {
    let (folder, file) = configured("");
    let (file, path) = (file.to_str().unwrap(), folder.path().to_str().unwrap());
    let (status, _, err) = run(&["check", "--config", file, "/dev/zero", path]).await;
    assert_eq!(status, 1);
    let fault = [
        "dialhook: cannot read /dev/zero: it has more than 64MiB".to_owned(),
        format!("dialhook: {path}: a folder; name the files in it"),
    ];
    assert_eq!(err.lines().collect::<Vec<_>>(), fault);
}
