package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"time"
)

// https is a proxy that answers in the place of every host: with the file HOST/PATH of the folder.
//
// Its certificates are signed by an authority of its own, whose certificate it writes into a file.
func https(o options) (server, error) {
	authority, err := newAuthority()
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.certificate.Raw})
	if err := os.WriteFile(o.certificate, text, 0o600); err != nil {
		return nil, err
	}
	files := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		host, _, err := net.SplitHostPort(request.Host)
		if err != nil {
			host = request.Host
		}
		http.ServeFile(w, request, filepath.Join(o.folder, filepath.Base(host), path.Clean("/"+request.URL.Path)))
	})
	inner := &http.Server{Handler: logged(files)}
	settings := &tls.Config{GetCertificate: authority.certificateFor}
	return overHTTP(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodConnect {
			http.Error(w, "this is a proxy for https", http.StatusMethodNotAllowed)
			return
		}
		connection, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			log.Print(err)
			return
		}
		_, err = connection.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
		if err != nil {
			log.Print(err)
			return
		}
		plain := &bufferedConnection{Conn: connection, reader: buffered.Reader}
		_ = inner.Serve(&oneConnection{connection: tls.Server(plain, settings)})
	})), nil
}

// bufferedConnection gives first what was read ahead.
type bufferedConnection struct {
	net.Conn
	reader *bufio.Reader
}

func (b *bufferedConnection) Read(p []byte) (int, error) { return b.reader.Read(p) }

// oneConnection is a listener to which one client comes.
type oneConnection struct{ connection net.Conn }

func (o *oneConnection) Accept() (net.Conn, error) {
	if o.connection == nil {
		return nil, net.ErrClosed
	}
	found := o.connection
	o.connection = nil
	return found, nil
}

func (o *oneConnection) Close() error   { return nil }
func (o *oneConnection) Addr() net.Addr { return &net.TCPAddr{} }

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	wanted := template("stand-ins")
	wanted.IsCA, wanted.BasicConstraintsValid, wanted.KeyUsage = true, true, x509.KeyUsageCertSign
	made, err := x509.CreateCertificate(rand.Reader, wanted, wanted, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(made)
	return &authority{certificate: certificate, key: key}, err
}

func (a *authority) certificateFor(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	wanted := template(hello.ServerName)
	wanted.DNSNames, wanted.ExtKeyUsage = []string{hello.ServerName}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	made, err := x509.CreateCertificate(rand.Reader, wanted, a.certificate, &a.key.PublicKey, a.key)
	return &tls.Certificate{Certificate: [][]byte{made}, PrivateKey: a.key}, err
}

// template is valid long enough for a guest whose clock is not quite right.
func template(name string) *x509.Certificate {
	number, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		log.Fatal(err)
	}
	return &x509.Certificate{
		SerialNumber: number,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}
