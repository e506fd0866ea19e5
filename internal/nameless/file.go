package nameless

import (
	"errors"
	"io/fs"
	"os"
)

// A File is a temporary file. It is read, written and read again, from any place, until it is closed.
type File struct {
	*os.File
	path string // to be removed by Close; empty where an open file can be unlinked
}

// New makes an empty file in a directory, os.TempDir if it is empty. The pattern is that of os.CreateTemp, for the moment in which the file
// has a name. The errors are those of os.CreateTemp.
func New(dir, pattern string) (*File, error) {
	f, err := os.CreateTemp(dir, pattern) // mode 0600
	if err != nil {
		return nil, err
	}
	file := &File{File: f}
	if err := os.Remove(f.Name()); err != nil {
		file.path = f.Name()
	}
	return file, nil
}

// Close gives the space back. It is called once.
func (f *File) Close() error {
	err := f.File.Close()
	if f.path != "" {
		err = errors.Join(err, os.Remove(f.path))
		f.path = ""
	}
	return err
}

// Bare strips an error of the path of a file, which names nothing that is there.
func Bare(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
