use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

/// A proxy that hears `expected` and then says `answer`, turn by turn; then it hangs up. Its address and what it heard.
async fn scripted(turns: Vec<(usize, Vec<u8>)>) -> (SocketAddr, JoinHandle<Vec<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        for (expected, answer) in turns {
            let mut words = vec![0; expected];
            stream.read_exact(&mut words).await.unwrap();
            heard.push(words);
            stream.write_all(&answer).await.unwrap();
        }
        heard
    });
    (address, script)
}

fn proxy(scheme: &str, login: &str, address: SocketAddr) -> Proxy {
    Proxy::parse(&format!("{scheme}://{login}{address}"), None).unwrap()
}

async fn http_answer(answer: &str) -> Result<TcpStream, TunnelError> {
    let expected = connect_request(None, "web.whatsapp.com", 443).len();
    let (address, _script) = scripted(vec![(expected, answer.as_bytes().to_vec())]).await;
    open(&proxy("http", "", address), Near::Loopback, "web.whatsapp.com", 443).await
}

#[tokio::test]
async fn connect_names_the_host_and_the_login_and_leaves_the_tunnels_bytes() {
    let request = "CONNECT web.whatsapp.com:443 HTTP/1.1\r\nHost: web.whatsapp.com:443\r\nProxy-Authorization: Basic YW5uYTpwQHNz\r\n\r\n";
    let answer = b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\nfirst".to_vec();
    let (address, script) = scripted(vec![(request.len(), answer)]).await;
    let mut stream = open(&proxy("http", "anna:p%40ss@", address), Near::Loopback, "web.whatsapp.com", 443).await.unwrap();
    assert_eq!(String::from_utf8(script.await.unwrap().remove(0)).unwrap(), request);
    let mut first = String::new();
    stream.read_to_string(&mut first).await.unwrap();
    assert_eq!(first, "first");
}

#[tokio::test]
async fn what_an_http_proxy_refuses_is_told_apart() {
    for (answer, is_the_proxy, words) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\nA: b\r\n\r\n", true, "the proxy refuses our login"),
        ("HTTP/1.0 403 Filtered\r\n\r\n", true, "the proxy does not let us connect to WhatsApp"),
        ("HTTP/1.0 500 Unable to connect\r\n\r\n", false, "the proxy could not reach WhatsApp"),
        ("HTTP/1.1 503 Service Unavailable\r\n\r\n", false, "the proxy could not reach WhatsApp"),
        ("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", true, "what answers there is not a proxy of this kind"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", true, "what answers there is not a proxy of this kind"),
        ("HTTP/1.1 200 OK\r\n", true, "the connection to the proxy broke"),
    ] {
        let error = http_answer(answer).await.unwrap_err();
        assert_eq!((error.is_the_proxy(), error.to_string().as_str()), (is_the_proxy, words), "{answer}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "a".repeat(LONGEST_ANSWER));
    assert!(matches!(http_answer(&endless).await, Err(TunnelError::NotAProxy | TunnelError::Broken(_))));
}

#[tokio::test]
async fn socks5_hands_the_name_to_the_proxy_to_resolve() {
    let turns = vec![(4, vec![5, 2]), (11, vec![1, 0]), (4 + 1 + 16 + 2, vec![5, 0, 0, 1, 127, 0, 0, 1, 0, 80])];
    let (address, script) = scripted(turns).await;
    open(&proxy("socks5", "anna:p%40ss@", address), Near::Loopback, "web.whatsapp.com", 443).await.unwrap();
    let heard = script.await.unwrap();
    assert_eq!(heard[1], b"\x01\x04anna\x04p@ss");
    assert_eq!(heard[2], b"\x05\x01\x00\x03\x10web.whatsapp.com\x01\xbb");
}

#[tokio::test]
async fn what_a_socks5_proxy_refuses_is_told_apart() {
    for (turns, is_the_proxy, words) in [
        (vec![(3, vec![5, 0xff])], true, "the proxy refuses our login"),
        (vec![(3, b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())], true, "what answers there is not a proxy of this kind"),
        (vec![(3, vec![5, 0]), (23, vec![5, 2, 0, 1, 0, 0, 0, 0, 0, 0])], true, "the proxy does not let us connect to WhatsApp"),
        (vec![(3, vec![5, 0]), (23, vec![5, 5, 0, 1, 0, 0, 0, 0, 0, 0])], false, "the proxy could not reach WhatsApp"),
        (vec![(3, Vec::new())], true, "the connection to the proxy broke"),
    ] {
        let (address, _script) = scripted(turns).await;
        let error = open(&proxy("socks5", "", address), Near::Loopback, "web.whatsapp.com", 443).await.unwrap_err();
        assert_eq!((error.is_the_proxy(), error.to_string().as_str()), (is_the_proxy, words));
    }
}

#[tokio::test]
async fn a_proxy_that_is_gone_or_elsewhere_is_named_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gone = open(&proxy("socks5", "", address), Near::Loopback, "web.whatsapp.com", 443).await;
    assert!(matches!(gone, Err(TunnelError::Connect(_))), "{gone:?}");
    let elsewhere = proxy("http", "", "192.0.2.1:3128".parse().unwrap());
    let refused = open(&elsewhere, Near::Loopback, "web.whatsapp.com", 443).await;
    assert!(matches!(refused, Err(TunnelError::NotLocal)), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_says_nothing_is_given_up() {
    // No real bytes are waited for here, so the clock may jump.
    let (_silent, address) = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    };
    let silent = open(&proxy("socks5", "", address), Near::Loopback, "web.whatsapp.com", 443).await;
    assert!(matches!(silent, Err(TunnelError::Slow)), "{silent:?}");
}
