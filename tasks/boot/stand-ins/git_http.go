package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const lfsType = "application/vnd.git-lfs+json"

// gitHTTP serves the repositories of the folder by git's own CGI program, and LFS objects beside it.
//
// https://git-scm.com/docs/git-http-backend
func gitHTTP(o options) (server, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, err
	}
	backend := &cgi.Handler{
		Path: git,
		Args: []string{"http-backend"},
		Env:  []string{"GIT_PROJECT_ROOT=" + o.folder, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=" + o.user},
		// Where git finds its configuration, if the caller wants another than the user's.
		InheritEnv: []string{"HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"},
	}
	lfs := &largeFiles{folder: filepath.Join(o.folder, "lfs"), url: "http://" + o.address}
	handler := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch {
		case strings.HasSuffix(request.URL.Path, "/info/lfs/objects/batch"):
			lfs.batch(w, request)
		case strings.HasPrefix(request.URL.Path, "/lfs/"):
			lfs.object(w, request)
		default:
			backend.ServeHTTP(w, request)
		}
	})
	return overHTTP(withPassword(o.user, o.password, handler)), nil
}

// largeFiles are LFS objects, files named by their digests.
type largeFiles struct {
	folder string
	url    string
}

type lfsObject struct {
	Oid     string            `json:"oid"`
	Size    int64             `json:"size"`
	Actions map[string]action `json:"actions,omitempty"`
	Error   *lfsError         `json:"error,omitempty"`
}

type action struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header,omitempty"`
}

type lfsError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// batch says where objects are or go to: https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
func (l *largeFiles) batch(w http.ResponseWriter, request *http.Request) {
	var asked struct {
		Operation string      `json:"operation"`
		Objects   []lfsObject `json:"objects"`
	}
	if err := json.NewDecoder(request.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	header := map[string]string{"Authorization": request.Header.Get("Authorization")}
	for number := range asked.Objects {
		object := &asked.Objects[number]
		_, err := os.Stat(l.path(object.Oid))
		if asked.Operation == "download" && err != nil {
			object.Error = &lfsError{Code: http.StatusNotFound, Message: "there is no such object"}
		} else if asked.Operation == "download" || err != nil {
			object.Actions = map[string]action{asked.Operation: {Href: l.url + "/lfs/" + object.Oid, Header: header}}
		}
	}
	writeJSON(w, lfsType, http.StatusOK, map[string]any{"transfer": "basic", "objects": asked.Objects})
}

// object sends or stores one: https://github.com/git-lfs/git-lfs/blob/main/docs/api/basic-transfers.md
func (l *largeFiles) object(w http.ResponseWriter, request *http.Request) {
	oid := strings.TrimPrefix(request.URL.Path, "/lfs/")
	if request.Method == http.MethodGet {
		http.ServeFile(w, request, l.path(oid))
		return
	}
	content, err := io.ReadAll(request.Body)
	if err != nil {
		log.Print(err)
		return
	}
	digest := sha256.Sum256(content)
	if hex.EncodeToString(digest[:]) != oid {
		http.Error(w, "this is another object", http.StatusUnprocessableEntity)
	} else if err := os.WriteFile(l.path(oid), content, 0o600); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (l *largeFiles) path(oid string) string {
	return filepath.Join(l.folder, filepath.Base(oid))
}
