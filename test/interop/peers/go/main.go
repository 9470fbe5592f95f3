// Tlspeer is one side of a TLS 1.3 connection in Go: it prints JSON lines about what it sees.
//
//	tlspeer server [flags]         listens on a free port, serves one connection, echoes
//	tlspeer client PORT [flags]    sends one line, prints the answer, closes
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

var curves = map[string]tls.CurveID{
	"x25519":         tls.X25519,
	"secp256r1":      tls.CurveP256,
	"secp384r1":      tls.CurveP384,
	"secp521r1":      tls.CurveP521,
	"X25519MLKEM768": tls.X25519MLKEM768,
}

// report prints one line of facts.
func report(facts map[string]any) {
	line, err := json.Marshal(facts)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// check ends the program with the error as its last fact.
func check(err error) {
	if err != nil {
		report(map[string]any{"error": err.Error()})
		os.Exit(1)
	}
}

func main() {
	role, rest := os.Args[1], os.Args[2:]
	port := "0"
	if role == "client" {
		port, rest = rest[0], rest[1:]
	}
	config, command := configFrom(role, rest)
	if role == "server" {
		serve(config)
	} else {
		call(port, config, command)
	}
}

func configFrom(role string, args []string) (*tls.Config, string) {
	flags := flag.NewFlagSet(role, flag.ExitOnError)
	groups := flags.String("groups", "", "groups, most preferred first, by IANA name")
	alpn := flags.String("alpn", "", "ALPN protocols, separated by commas")
	certificate := flags.String("cert", "", "PEM file with the own chain")
	key := flags.String("key", "", "PEM file with its key")
	authority := flags.String("ca", "", "PEM file with the root that the peer is checked against")
	name := flags.String("name", "localhost", "name of the server")
	auth := flags.String("auth", "none", "client certificates: none, request, require")
	keylog := flags.String("keylog", "", "file for the key log")
	command := flags.String("starttls", "", "plaintext line to send before TLS")
	check(flags.Parse(args))

	config := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: *name}
	for _, group := range strings.FieldsFunc(*groups, func(r rune) bool { return r == ',' }) {
		config.CurvePreferences = append(config.CurvePreferences, curves[group])
	}
	if *alpn != "" {
		config.NextProtos = strings.Split(*alpn, ",")
	}
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		check(err)
		config.Certificates = []tls.Certificate{pair}
	}
	if *authority != "" {
		text, err := os.ReadFile(*authority)
		check(err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(text)
		config.RootCAs, config.ClientCAs = pool, pool
	}
	config.ClientAuth = map[string]tls.ClientAuthType{
		"none":    tls.NoClientCert,
		"request": tls.VerifyClientCertIfGiven,
		"require": tls.RequireAndVerifyClientCert,
	}[*auth]
	if *keylog != "" {
		file, err := os.Create(*keylog)
		check(err)
		config.KeyLogWriter = file
	}
	return config, *command
}

func describe(connection *tls.Conn) {
	state := connection.ConnectionState()
	exported, err := state.ExportKeyingMaterial("EXPORTER-interop", []byte("a context"), 40)
	check(err)
	subjects := []string{}
	for _, certificate := range state.PeerCertificates {
		subjects = append(subjects, certificate.Subject.CommonName)
	}
	report(map[string]any{
		"open":     tls.VersionName(state.Version),
		"suite":    tls.CipherSuiteName(state.CipherSuite),
		"alpn":     state.NegotiatedProtocol,
		"name":     state.ServerName,
		"peer":     subjects,
		"exported": hex.EncodeToString(exported),
	})
}

func serve(config *tls.Config) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	report(map[string]any{"port": listener.Addr().(*net.TCPAddr).Port})
	raw, err := listener.Accept()
	check(err)
	connection := tls.Server(raw, config)
	check(connection.Handshake())
	describe(connection)
	count, err := io.Copy(connection, connection)
	check(err)
	check(connection.Close())
	report(map[string]any{"echoed": count})
}

func call(port string, config *tls.Config, command string) {
	raw, err := net.Dial("tcp", "127.0.0.1:"+port)
	check(err)
	if command != "" {
		// The ClientHello must not overtake the answer.
		fmt.Fprintf(raw, "%s\r\n", command)
		answer := make([]byte, 1)
		for answer[0] != '\n' {
			_, err := raw.Read(answer)
			check(err)
		}
	}
	connection := tls.Client(raw, config)
	check(connection.Handshake())
	describe(connection)
	_, err = fmt.Fprintln(connection, "ping from go")
	check(err)
	answer, err := bufio.NewReader(connection).ReadString('\n')
	check(err)
	report(map[string]any{"received": answer})
	check(connection.Close())
}
