//! `geosteer resume` and `geosteer release`: what an operator says to safeguards.

use super::{Where, print_json, strange};
use crate::control::{Answer, Release, Request, Resume};
use crate::error::Exit;

/// Who says it and why.
#[derive(Clone, Debug, clap::Args)]
struct Words {
    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    /// Who wants it [default: your user name]
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    #[command(flatten)]
    server: Where,
}

/// Arguments of `geosteer resume`.
#[derive(Clone, Debug, clap::Args)]
pub struct ResumeArgs {
    /// endpoint/POOL/NAME, pool/NAME or tag/TAG; * and ? in names stand for any characters
    #[arg(value_name = "TARGET", required = true)]
    targets: Vec<String>,
    #[command(flatten)]
    words: Words,
}

/// Arguments of `geosteer release`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReleaseArgs {
    #[command(flatten)]
    words: Words,
}

/// Lets endpoints come back.
#[must_use]
pub fn resume(args: ResumeArgs) -> Exit {
    let ResumeArgs { targets, words: Words { reason, owner, server } } = args;
    let answer = match server.ask(&Request::Resume(Resume { targets, owner, reason })) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let Answer::Resumed { endpoints, confirmed } = &answer else { return strange() };
    if server.json {
        print_json(&answer);
    } else {
        for one in endpoints {
            println!("endpoint/{}/{} comes back {}", one.pool, one.endpoint, one.when);
        }
    }
    unconfirmed(*confirmed);
    Exit::Ok
}

/// Believes the failures that the blast guard holds.
#[must_use]
pub fn release(args: ReleaseArgs) -> Exit {
    let Words { reason, owner, server } = args.words;
    let answer = match server.ask(&Request::Release(Release { owner, reason })) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let Answer::Released { targets, confirmed } = &answer else { return strange() };
    match server.json {
        true => print_json(&answer),
        false => println!("released: the failures of {targets} targets are believed"),
    }
    unconfirmed(*confirmed);
    Exit::Ok
}

fn unconfirmed(confirmed: bool) {
    if !confirmed {
        eprintln!("warning: the server has not confirmed it in time: ask again with `geosteer status`");
    }
}
