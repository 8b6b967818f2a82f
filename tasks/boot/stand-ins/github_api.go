package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// More than 31 bits, as GitHub's own may have.
const firstID = int64(3_000_000_000)

type asset struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	State   string `json:"state"`
	Size    int    `json:"size"`
	content []byte
}

type release struct {
	ID          int64     `json:"id"`
	TagName     string    `json:"tag_name"`
	Name        string    `json:"name"`
	Body        string    `json:"body"`
	Draft       bool      `json:"draft"`
	Prerelease  bool      `json:"prerelease"`
	HTMLURL     string    `json:"html_url"`
	CreatedAt   time.Time `json:"created_at"`
	PublishedAt time.Time `json:"published_at"`
	assets      []*asset
}

// releases are those of one repository of one owner: a request's path may name any.
type releases struct {
	sync.Mutex
	url  string
	all  []*release
	last int64
}

// gitHubAPI serves releases: at first one for each folder, named by it, with its files as assets.
//
// https://docs.github.com/en/rest/releases and https://docs.github.com/en/graphql/reference/objects#release
func gitHubAPI(o options) (server, error) {
	r := &releases{url: "http://" + o.address, last: firstID}
	if err := r.fill(o.folder); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	const top = "/repos/{owner}/{name}"
	mux.HandleFunc("POST /graphql", r.query)
	mux.HandleFunc("GET "+top+"/releases", func(w http.ResponseWriter, _ *http.Request) { ok(w, r.all) })
	mux.HandleFunc("POST "+top+"/releases", r.create)
	mux.HandleFunc("GET "+top+"/releases/{id}", r.withRelease(func(w http.ResponseWriter, _ *http.Request, found *release) {
		ok(w, found)
	}))
	mux.HandleFunc("GET "+top+"/releases/{id}/{of}", r.assets)
	mux.HandleFunc("POST "+top+"/releases/{id}/assets", r.withRelease(r.upload))
	mux.HandleFunc("GET "+top+"/git/ref/{ref...}", func(w http.ResponseWriter, request *http.Request) {
		ok(w, map[string]any{
			"ref":    "refs/" + request.PathValue("ref"),
			"object": map[string]string{"type": "commit", "sha": strings.Repeat("5", 40)},
		})
	})
	return overHTTP(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		word := request.Header.Get("Authorization")
		if !same(word, "Bearer "+o.password) && !same(word, "token "+o.password) {
			http.Error(w, `{"message": "Bad credentials"}`, http.StatusUnauthorized)
			return
		}
		r.Lock()
		defer r.Unlock()
		mux.ServeHTTP(w, request)
	})), nil
}

func ok(w http.ResponseWriter, value any) {
	writeJSON(w, "application/json; charset=utf-8", http.StatusOK, value)
}

func (r *releases) fill(folder string) error {
	tags, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		added := r.add(&release{TagName: tag.Name(), Name: tag.Name(), Body: "what is new in " + tag.Name()})
		files, err := os.ReadDir(filepath.Join(folder, tag.Name()))
		if err != nil {
			return err
		}
		for _, file := range files {
			content, err := os.ReadFile(filepath.Join(folder, tag.Name(), file.Name()))
			if err != nil {
				return err
			}
			r.attach(added, file.Name(), content)
		}
	}
	return nil
}

func (r *releases) next() int64 {
	r.last++
	return r.last
}

// add makes it a release: a minute later than the one before.
func (r *releases) add(made *release) *release {
	made.ID = r.next()
	made.CreatedAt = time.Date(2026, 1, 1, 0, len(r.all), 0, 0, time.UTC)
	made.PublishedAt = made.CreatedAt
	made.HTMLURL = r.url + "/releases/tag/" + made.TagName
	r.all = append(r.all, made)
	return made
}

func (r *releases) attach(to *release, name string, content []byte) *asset {
	made := &asset{ID: r.next(), Name: name, State: "uploaded", Size: len(content), content: content}
	to.assets = append(to.assets, made)
	return made
}

func (r *releases) withRelease(act func(http.ResponseWriter, *http.Request, *release)) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		for _, found := range r.all {
			if strconv.FormatInt(found.ID, 10) == request.PathValue("id") {
				act(w, request, found)
				return
			}
		}
		http.NotFound(w, request)
	}
}

func (r *releases) create(w http.ResponseWriter, request *http.Request) {
	var made release
	if err := json.NewDecoder(request.Body).Decode(&made); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, "application/json", http.StatusCreated, r.add(&made))
}

func (r *releases) upload(w http.ResponseWriter, request *http.Request, to *release) {
	content, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	made := r.attach(to, request.URL.Query().Get("name"), content)
	writeJSON(w, "application/json", http.StatusCreated, made)
}

// assets sends the list of a release's assets (releases/ID/assets), or what is in one (releases/assets/ID).
func (r *releases) assets(w http.ResponseWriter, request *http.Request) {
	if request.PathValue("id") != "assets" {
		r.withRelease(func(w http.ResponseWriter, _ *http.Request, found *release) { ok(w, found.assets) })(w, request)
		return
	}
	for _, found := range r.all {
		for _, one := range found.assets {
			if strconv.FormatInt(one.ID, 10) == request.PathValue("of") {
				w.Header().Set("Content-Type", "application/octet-stream")
				_, _ = w.Write(one.content)
				return
			}
		}
	}
	http.NotFound(w, request)
}

// query answers the one query that is asked, whatever it says: all releases, newest first.
func (r *releases) query(w http.ResponseWriter, _ *http.Request) {
	edges := []any{}
	for _, found := range slices.Backward(r.all) {
		edges = append(edges, map[string]any{"node": map[string]any{
			"id":           base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("07:Release%d", found.ID))),
			"tagName":      found.TagName,
			"name":         found.Name,
			"isDraft":      found.Draft,
			"isPrerelease": found.Prerelease,
			"url":          found.HTMLURL,
			"createdAt":    found.CreatedAt,
			"publishedAt":  found.PublishedAt,
		}})
	}
	page := map[string]any{"endCursor": "", "hasNextPage": false}
	ok(w, map[string]any{"data": map[string]any{"repository": map[string]any{
		"releases": map[string]any{"edges": edges, "pageInfo": page},
	}}})
}
