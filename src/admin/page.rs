//! `/` and `/assets/`: the page for people, embedded in the binary. It asks the API of its own host for everything that
//! it shows; the same files stand in `page/`, and nothing builds them.

use super::problem::Problem;
use crate::simulate::outlines;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// One file: its type, its content, and what tells it from other versions of itself.
struct File {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
    tag: String,
}

/// Files by their names below `/assets/`; the page itself has none.
static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let world = Box::leak(outlines().into_boxed_str()).as_bytes();
    let all: [(&str, &str, &[u8]); 18] = [
        ("", "text/html; charset=utf-8", include_bytes!("page/index.html")),
        ("app.css", "text/css; charset=utf-8", include_bytes!("page/app.css")),
        ("icon.svg", "image/svg+xml", include_bytes!("page/icon.svg")),
        ("api.js", SCRIPT, include_bytes!("page/api.js")),
        ("app.js", SCRIPT, include_bytes!("page/app.js")),
        ("dom.js", SCRIPT, include_bytes!("page/dom.js")),
        ("drain.js", SCRIPT, include_bytes!("page/drain.js")),
        ("events.js", SCRIPT, include_bytes!("page/events.js")),
        ("explain.js", SCRIPT, include_bytes!("page/explain.js")),
        ("looks.js", SCRIPT, include_bytes!("page/looks.js")),
        ("pools.js", SCRIPT, include_bytes!("page/pools.js")),
        ("problems.js", SCRIPT, include_bytes!("page/problems.js")),
        ("rates.js", SCRIPT, include_bytes!("page/rates.js")),
        ("theme.js", SCRIPT, include_bytes!("page/theme.js")),
        ("timeline.js", SCRIPT, include_bytes!("page/timeline.js")),
        ("token.js", SCRIPT, include_bytes!("page/token.js")),
        ("words.js", SCRIPT, include_bytes!("page/words.js")),
        ("world.js", SCRIPT, include_bytes!("page/world.js")),
    ];
    let file = |(name, kind, content)| File { name, kind, content, tag: tag(content) };
    all.into_iter().map(file).chain([file(("world.txt", "text/plain; charset=utf-8", world))]).collect()
});

/// The page.
pub(super) async fn index(headers: HeaderMap) -> Result<Response, Problem> {
    file("", &headers)
}

/// One file of it.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    file(&name, &headers)
}

/// Asked for again at every visit, since another version of the server may have another one; sent again only then.
fn file(name: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let known = FILES.iter().find(|file| file.name == name);
    let file = known.ok_or_else(|| Problem::not_found("the page has no such file"))?;
    let keeps = [(CACHE_CONTROL, "no-cache"), (ETAG, file.tag.as_str())];
    if headers.get(IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == file.tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, keeps).into_response());
    }
    Ok((keeps, [(CONTENT_TYPE, file.kind)], file.content).into_response())
}

fn tag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn every_file_that_the_page_names_is_there() {
        let known = |name: &str| FILES.iter().any(|file| file.name == name);
        for file in FILES.iter().filter(|file| file.name != "world.txt") {
            let text = std::str::from_utf8(file.content).unwrap();
            for (mark, end) in [("\"/assets/", '"'), ("from \"./", '"')] {
                for part in text.split(mark).skip(1) {
                    let name = part.split(end).next().unwrap();
                    assert!(known(name), "{} names {name}", file.name);
                }
            }
        }
        assert!(FILES.iter().find(|file| file.name == "world.txt").unwrap().content.len() > 50_000);
    }

    #[test]
    fn nothing_in_the_page_is_inline_or_from_elsewhere() {
        for file in FILES.iter().filter(|file| file.name != "world.txt") {
            let text = std::str::from_utf8(file.content).unwrap();
            for never in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "<style", " style=", "eval("]
            {
                assert!(!text.contains(never), "{}: {never}", file.name);
            }
            let hosts = text.replace("http://www.w3.org/", "");
            assert!(!hosts.contains("http://") && !hosts.contains("https://"), "{}", file.name);
        }
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let first = file("app.js", &HeaderMap::new()).unwrap();
        let tag = first.headers()[ETAG].clone();
        let with = |tag: HeaderValue| file("app.js", &HeaderMap::from_iter([(IF_NONE_MATCH, tag)])).unwrap().status();
        assert_eq!((first.status(), with(tag)), (StatusCode::OK, StatusCode::NOT_MODIFIED));
        assert_eq!(with(HeaderValue::from_static("\"other\"")), StatusCode::OK);
        assert!(file("../guard.rs", &HeaderMap::new()).is_err());
    }
}
