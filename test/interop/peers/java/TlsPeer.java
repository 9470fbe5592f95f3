import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * JSSE as a peer. It serves any number of connections, so that one virtual machine does for all rows.
 *
 * <pre>
 * TlsPeer server ROOT IDENTITY...    listens once per identity, which is NAME:CHAIN:KEY:none|request|require:VERSIONS; echoes
 * TlsPeer client ROOT CHAIN KEY      takes lines "PORT NAME VERSIONS" on standard input; sends one line to each, prints the answer
 * </pre>
 *
 * VERSIONS are separated by commas. A connection whose first line is "RENEGOTIATE" is told to the other side to handshake again, and so
 * does a client that is told "PORT NAME VERSIONS again". One whose first line is "SESSION" is told when its session was made, and who its client is;
 * of the session of a client the same is printed.
 */
public final class TlsPeer {
    private static final String[] ALPN = {"b", "a"};

    private TlsPeer() {}

    public static void main(String[] args) throws Exception {
        // Keys are renewed after so many bytes. It must be said before the first connection.
        String limit = " KeyUpdate 500000";
        Security.setProperty("jdk.tls.keyLimits", "AES/GCM/NoPadding" + limit + ", ChaCha20-Poly1305" + limit);
        if (args[0].equals("server")) {
            for (int i = 2; i < args.length; i++) {
                listen(args[1], args[i].split(":"));
            }
        } else {
            callAll(context(args[1], args[2], args[3]));
        }
    }

    private static void listen(String root, String[] identity) throws Exception {
        SSLContext context = context(root, identity[1], identity[2]);
        SSLServerSocket listener =
                (SSLServerSocket)
                        context.getServerSocketFactory().createServerSocket(0, 50, InetAddress.getLoopbackAddress());
        listener.setEnabledProtocols(identity[4].split(","));
        listener.setWantClientAuth(identity[3].equals("request"));
        if (identity[3].equals("require")) {
            listener.setNeedClientAuth(true);
        }
        new Thread(
                        () -> {
                            while (true) {
                                try {
                                    SSLSocket socket = (SSLSocket) listener.accept();
                                    new Thread(() -> echo(socket)).start();
                                } catch (IOException error) {
                                    report("ERROR " + error);
                                }
                            }
                        })
                .start();
        report("LISTENING " + identity[0] + " " + identity[3] + " " + identity[4] + " " + listener.getLocalPort());
    }

    private static void echo(SSLSocket socket) {
        try (socket) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setApplicationProtocols(ALPN);
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            describe(socket);
            InputStream input = socket.getInputStream();
            byte[] buffer = new byte[65536];
            for (int count = input.read(buffer); count >= 0; count = input.read(buffer)) {
                if (new String(buffer, 0, count).startsWith("RENEGOTIATE")) {
                    socket.startHandshake();
                }
                if (new String(buffer, 0, count).startsWith("SESSION")) {
                    socket.getOutputStream().write((origin(socket) + "\n").getBytes());
                    continue;
                }
                socket.getOutputStream().write(buffer, 0, count);
            }
        } catch (IOException error) {
            report("ERROR " + error);
        }
    }

    private static void callAll(SSLContext context) throws IOException {
        report("READY");
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] command = line.split(" ");
            new Thread(() -> call(context, command)).start();
        }
    }

    private static void call(SSLContext context, String[] command) {
        int port = Integer.parseInt(command[0]);
        String name = command[1];
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket()) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setProtocols(command[2].split(","));
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            parameters.setApplicationProtocols(ALPN);
            parameters.setServerNames(List.of(new javax.net.ssl.SNIHostName(name)));
            socket.setSSLParameters(parameters);
            socket.connect(new java.net.InetSocketAddress(InetAddress.getByAddress(name, new byte[] {127, 0, 0, 1}), port));
            socket.startHandshake();
            describe(socket);
            if (command.length > 3) {
                socket.startHandshake();
            }
            socket.getOutputStream().write("ping from java\n".getBytes());
            String answer = new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine();
            report("SESSION " + port + " " + origin(socket));
            report("ANSWER " + port + " " + answer);
        } catch (IOException error) {
            report("ERROR " + port + " " + error);
        }
    }

    private static void describe(SSLSocket socket) {
        SSLSession session = socket.getSession();
        String agreed = session.getProtocol() + " " + session.getCipherSuite() + " " + socket.getApplicationProtocol();
        report("OPEN " + agreed + " " + session.getCreationTime());
    }

    /** When the session was made, in milliseconds since 1970, which a resumed one keeps; and who the other side is. */
    private static String origin(SSLSocket socket) {
        SSLSession session = socket.getSession();
        String peer;
        try {
            peer = session.getPeerPrincipal().getName();
        } catch (javax.net.ssl.SSLPeerUnverifiedException error) {
            peer = "nobody";
        }
        return session.getCreationTime() + " " + peer;
    }

    private static synchronized void report(String line) {
        System.out.println(line);
    }

    private static SSLContext context(String root, String chain, String key) throws Exception {
        KeyStore roots = emptyStore();
        for (Certificate certificate : certificates(root)) {
            roots.setCertificateEntry("root", certificate);
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(roots);
        KeyStore own = emptyStore();
        own.setKeyEntry("own", privateKey(key), new char[0], certificates(chain).toArray(new Certificate[0]));
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(own, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    private static KeyStore emptyStore() throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }

    private static List<Certificate> certificates(String file) throws Exception {
        try (InputStream input = new FileInputStream(file)) {
            return new ArrayList<>(CertificateFactory.getInstance("X.509").generateCertificates(input));
        }
    }

    private static PrivateKey privateKey(String file) throws Exception {
        String base64 = Files.readString(Path.of(file)).replaceAll("-----[^-]+-----", "");
        PKCS8EncodedKeySpec encoded = new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(base64));
        for (String algorithm : List.of("EC", "RSA", "RSASSA-PSS", "EdDSA")) {
            try {
                return KeyFactory.getInstance(algorithm).generatePrivate(encoded);
            } catch (java.security.spec.InvalidKeySpecException tryNext) {
                // Only one of them takes the key.
            }
        }
        throw new IllegalArgumentException(file + " holds no key that is known here");
    }
}
