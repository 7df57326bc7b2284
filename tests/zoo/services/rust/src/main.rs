//! A service of the zoo on tokio: axum in front, hyper's pooled client behind. service BACKEND_PORT two|new|join|spawn|sleep
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Request};
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{connect::HttpConnector, Client};
use hyper_util::rt::TokioExecutor;

#[derive(Clone)]
struct Backend {
    client: Client<HttpConnector, Empty<Bytes>>,
    port: String,
    mode: String,
}

impl Backend {
    async fn call(&self, truth: &str, number: u32) {
        let request = Request::get(format!("http://127.0.0.1:{}/b", self.port))
            .header("x-gt", format!("{truth}/{number}"))
            .body(Empty::new())
            .expect("a request of our own");
        if let Ok(response) = self.client.request(request).await {
            let _ = response.into_body().collect().await;
        }
    }
}

async fn serve(State(backend): State<Backend>, headers: HeaderMap) -> &'static str {
    let truth = headers["x-gt"].to_str().unwrap_or("-").to_owned();
    match backend.mode.as_str() {
        "join" => {
            tokio::join!(backend.call(&truth, 0), backend.call(&truth, 1), backend.call(&truth, 2));
        }
        "spawn" => {
            for number in 0..2 {
                let (backend, truth) = (backend.clone(), truth.clone());
                let _ = tokio::spawn(async move { backend.call(&truth, number).await }).await;
            }
        }
        "sleep" => {
            for number in 0..2 {
                tokio::time::sleep(Duration::from_micros(1000 + truth.len() as u64 * 97 % 4000)).await;
                backend.call(&truth, number).await;
            }
        }
        _ => {
            backend.call(&truth, 0).await;
            backend.call(&truth, 1).await;
        }
    }
    "ok\n"
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let mut builder = Client::builder(TokioExecutor::new());
    if arguments[2] == "new" {
        builder.pool_max_idle_per_host(0);
    }
    let backend = Backend { client: builder.build_http(), port: arguments[1].clone(), mode: arguments[2].clone() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("listening {}", listener.local_addr().expect("bound").port());
    let app = axum::Router::new().route("/run", get(serve)).with_state(backend);
    axum::serve(listener, app).await.expect("serving");
}
