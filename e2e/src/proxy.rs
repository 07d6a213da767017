//! A TCP proxy in front of Postgres that cuts the connection when it hurts most, or lets it die without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes everything on, until it is armed: then the next time a client sends the pattern, it is passed on to the server, and the
/// connection is cut before the answer comes back. The client cannot know what became of it.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    pattern: Vec<u8>,
    armed: AtomicBool,
    swallows: AtomicBool,
    cuts: AtomicUsize,
    /// Changes when all connections that there are die.
    dying: watch::Sender<()>,
}

impl Proxy {
    /// A proxy in front of `port` on loopback.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(port: u16, pattern: &[u8]) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = listener.local_addr()?.port();
        let state = Arc::new(State {
            pattern: pattern.to_vec(),
            armed: AtomicBool::new(false),
            swallows: AtomicBool::new(false),
            cuts: AtomicUsize::new(0),
            dying: watch::Sender::new(()),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, port, Arc::clone(&shared)));
            }
        });
        Ok(Self { port: own, state, task })
    }

    /// Where clients find it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts the next connection on which the pattern is sent, once.
    pub fn arm(&self) {
        self.state.armed.store(true, Ordering::SeqCst);
    }

    /// Lets the next connection on which the pattern is sent die before the server gets to see it, once. The server never hears of its end.
    pub fn swallow(&self) {
        self.state.swallows.store(true, Ordering::SeqCst);
    }

    /// From now on, nothing passes over any connection that there is, and neither side is told. New ones work.
    pub fn let_die(&self) {
        self.state.dying.send_replace(());
    }

    /// How many connections it has cut.
    #[must_use]
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, port: u16, state: Arc<State>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut from_client, mut from_server) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut dying = state.dying.subscribe();
    loop {
        tokio::select! {
            biased;
            _ = dying.changed() => {
                // What the client sends goes nowhere, until it gives up. The server's side is held as well.
                while let Ok(1..) = client.read(&mut from_client).await {}
                return;
            }
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                let sent = &from_client[..length];
                let is_it = sent.windows(state.pattern.len()).any(|window| window == state.pattern);
                if is_it && state.swallows.swap(false, Ordering::SeqCst) {
                    return std::future::pending().await;
                }
                if server.write_all(sent).await.is_err() {
                    return;
                }
                if is_it && state.armed.swap(false, Ordering::SeqCst) {
                    // The server does its work and answers; nobody hears it.
                    let _ = server.read(&mut from_server).await;
                    state.cuts.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&from_server[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
