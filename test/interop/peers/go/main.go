// Tlspeer is one side of a TLS connection in Go: it prints JSON lines about what it sees.
//
//	tlspeer server [flags]         listens on a free port, serves connections one after the other, echoes
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
	config, options := configFrom(role, rest)
	if role == "server" {
		serve(config, options)
		return
	}
	for range options.connections {
		call(port, config, options)
	}
}

// options are what flags say beside the configuration of TLS.
type options struct {
	connections int
	command     string
}

var versions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func configFrom(role string, args []string) (*tls.Config, options) {
	flags := flag.NewFlagSet(role, flag.ExitOnError)
	groups := flags.String("groups", "", "groups, most preferred first, by IANA name")
	alpn := flags.String("alpn", "", "ALPN protocols, separated by commas")
	certificate := flags.String("cert", "", "PEM file with the own chain")
	key := flags.String("key", "", "PEM file with its key")
	authority := flags.String("ca", "", "PEM file with the root that the peer is checked against")
	name := flags.String("name", "localhost", "name of the server")
	auth := flags.String("auth", "none", "client certificates: none, request, require")
	keylog := flags.String("keylog", "", "file for the key log")
	minimum := flags.String("min", "1.3", "lowest version")
	maximum := flags.String("max", "1.3", "highest version")
	suites := flags.String("suites", "", "suites of TLS 1.2 by IANA name, separated by commas")
	tickets := flags.Bool("tickets", true, "whether sessions are resumed")
	connections := flags.Int("connections", 1, "how many of them, one after the other")
	command := flags.String("starttls", "", "plaintext line to send before TLS")
	check(flags.Parse(args))

	config := &tls.Config{
		MinVersion:             versions[*minimum],
		MaxVersion:             versions[*maximum],
		CipherSuites:           suitesNamed(*suites),
		SessionTicketsDisabled: !*tickets,
		ClientSessionCache:     tls.NewLRUClientSessionCache(1),
		ServerName:             *name,
	}
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
	return config, options{*connections, *command}
}

// suitesNamed gives nil, for the defaults, when there is no name.
func suitesNamed(names string) []uint16 {
	var ids []uint16
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ',' }) {
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			if suite.Name == name {
				ids = append(ids, suite.ID)
			}
		}
	}
	return ids
}

func describe(connection *tls.Conn) {
	state := connection.ConnectionState()
	exported, err := state.ExportKeyingMaterial("EXPORTER-interop", []byte("a context"), 40)
	check(err)
	plain, err := state.ExportKeyingMaterial("EXPORTER-interop", nil, 40)
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
		"plain":    hex.EncodeToString(plain),
		"resumed":  state.DidResume,
		"unique":   hex.EncodeToString(state.TLSUnique),
	})
}

func serve(config *tls.Config, options options) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	report(map[string]any{"port": listener.Addr().(*net.TCPAddr).Port})
	for range options.connections {
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
}

func call(port string, config *tls.Config, options options) {
	raw, err := net.Dial("tcp", "127.0.0.1:"+port)
	check(err)
	if options.command != "" {
		// The ClientHello must not overtake the answer.
		fmt.Fprintf(raw, "%s\r\n", options.command)
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
