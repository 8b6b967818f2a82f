package main

import (
	"os"
	"path/filepath"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// s3 serves a bucket with the files of the folder in it; what is put is kept in memory.
func s3(o options) (server, error) {
	store := s3mem.New()
	if err := store.CreateBucket(o.bucket); err != nil {
		return nil, err
	}
	err := filepath.WalkDir(o.folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		key, err := filepath.Rel(o.folder, path)
		if err != nil {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		state, err := file.Stat()
		if err != nil {
			return err
		}
		_, err = store.PutObject(o.bucket, filepath.ToSlash(key), nil, file, state.Size(), nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	return overHTTP(gofakes3.New(store).Server()), nil
}
