package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"

	"github.com/gliderlabs/ssh"
	crypto "golang.org/x/crypto/ssh"
)

// gitSSH serves the repositories of the folder to who has the key; nothing but git's commands is run.
//
// The commands: https://git-scm.com/docs/gitprotocol-pack#_ssh_transport
func gitSSH(o options) (server, error) {
	_, own, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	host, err := crypto.NewSignerFromKey(own)
	if err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	allowed, err := crypto.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	block, err := crypto.MarshalPrivateKey(private, o.user)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(o.userKey, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	found := &ssh.Server{
		Handler:          func(session ssh.Session) { _ = session.Exit(runGit(session, o)) },
		PublicKeyHandler: func(_ ssh.Context, key ssh.PublicKey) bool { return ssh.KeysEqual(key, allowed) },
		HostSigners:      []ssh.Signer{host},
	}
	return found.Serve, nil
}

func runGit(session ssh.Session, o options) int {
	words := session.Command()
	log.Print(session.User(), " ", words)
	if len(words) == 3 && words[0] == "git-lfs-authenticate" {
		return authenticateLFS(session, o, words[1])
	}
	if len(words) != 2 || (words[0] != "git-upload-pack" && words[0] != "git-receive-pack") {
		_, _ = io.WriteString(session.Stderr(), "only git is served\n")
		return 1
	}
	program := exec.Command("git", words[0][len("git-"):], repository(o.folder, words[1]))
	program.Env = append(os.Environ(), protocol(session.Environ())...)
	program.Stdout, program.Stderr = session, session.Stderr()
	input, err := program.StdinPipe()
	if err != nil {
		log.Print(err)
		return 1
	}
	if err := program.Start(); err != nil {
		log.Print(err)
		return 1
	}
	// Not waited for: a client may keep its end open until it is told the exit status.
	go func() {
		_, _ = io.Copy(input, session)
		_ = input.Close()
	}()
	if err := program.Wait(); err != nil {
		log.Print(words, ": ", err)
		return 1
	}
	return 0
}

// repository is the folder of a repository as a client names it; it can't lie outside.
func repository(folder, name string) string {
	return filepath.Join(folder, path.Clean("/"+name))
}

// protocol is what of a client's environment git wants to know.
func protocol(environment []string) []string {
	for _, variable := range environment {
		if len(variable) > 13 && variable[:13] == "GIT_PROTOCOL=" {
			return []string{variable}
		}
	}
	return nil
}

// authenticateLFS says where objects are: https://github.com/git-lfs/git-lfs/blob/main/docs/api/server-discovery.md
func authenticateLFS(session ssh.Session, o options, name string) int {
	word := base64.StdEncoding.EncodeToString([]byte(o.user + ":" + o.password))
	err := json.NewEncoder(session).Encode(map[string]any{
		"href":   o.lfs + path.Clean("/"+name) + "/info/lfs",
		"header": map[string]string{"Authorization": "Basic " + word},
	})
	if err != nil {
		log.Print(err)
		return 1
	}
	return 0
}
