//! Owner: cli. The subcommands as an administrator uses them, and what they print.

/// `dialhook calls`.
mod calls;
/// `dialhook check`.
mod check;
/// `dialhook check` with a dialplan.
mod dialplans;
/// The files that an administrator names.
mod files;
/// The notes that `dialhook try` prints below an answer.
mod notes;
/// Output into a pipe that is closed, and onto a disk that is full.
mod output;
/// `dialhook serve`.
mod serve;
/// `dialhook try --curl`.
mod try_curl;
/// The state of the running daemon in `dialhook try`.
mod try_daemon;
/// `dialhook try`.
mod try_hook;

use crate::util::run;

#[tokio::test]
async fn a_wrong_command_line_is_exit_status_2() {
    for arguments in
        [&[][..], &["serv"], &["try"], &["try", "crm", "--variable", "A(b)=c"], &["serve", "--port", "1"]]
    {
        assert_eq!(run(arguments).await.0, 2, "{arguments:?}");
    }
    let (status, out, _) = run(&["--version"]).await;
    assert_eq!((status, out), (0, format!("dialhook {}\n", env!("CARGO_PKG_VERSION"))));
    for command in ["serve", "check", "try", "calls", "demo"] {
        assert_eq!(run(&[command, "--help"]).await.0, 0);
    }
}

#[tokio::test]
async fn the_demo_shows_calls_of_both_switches_and_ends_by_itself() {
    let (status, out, err) = run(&["demo"]).await;
    assert_eq!((status, err.as_str()), (0, ""));
    for line in [
        "  the call goes to   sales, because CRM is \"sales\"; the step took ",
        "  the call goes to   reception, because WEBHOOK_STATUS is BAD_ANSWER, not OK; the step took ",
        "  the call goes to   reception, because webhook_status is BAD_ANSWER, not OK; the step took ",
        "  the call goes to   reception, because WEBHOOK_STATUS is TIMEOUT, not OK; the step took ",
        "\n  dialhook sets      SET VARIABLE CRM \"sales\"\n",
    ] {
        assert!(out.contains(line), "{line}\n{out}");
    }
    let sales = "  the call goes to   sales, because CRM is \"sales\"; ";
    assert_eq!(out.matches(sales).count(), 2, "{out}");
    assert!(out.contains("\n  dialhook sets      CRM=sales\n"), "{out}");
    assert!(out.contains("webhook_reason=the answer is not a word. a word has letters digits"), "{out}");
    assert!(out.contains("The next steps, with a real switch:"), "{out}");
}
