package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"gocloud.dev/gcerrors"
	"google.golang.org/api/googleapi"
)

// What is done with an object, as errors say it.
const (
	opStore  = "store"
	opRead   = "read"
	opList   = "list"
	opDelete = "delete"
	opStat   = "look for"
)

// advice is what to do about an error of a store.
type advice struct {
	missing     string // there is no such bucket
	denied      string // the store knows who asks, or not, and says no
	unreachable string // the store does not answer
}

// storeError is an error of an object store, worded for people. What it wraps has the words of the library.
type storeError struct {
	text  string
	cause error
	kind  error // ErrNotFound, or nil
}

func (e *storeError) Error() string { return e.text }

func (e *storeError) Unwrap() []error {
	if e.kind != nil {
		return []error{e.kind, e.cause}
	}
	return []error{e.cause}
}

// wrap says what was to be done with which object, what went wrong, and what to do.
func (b *bucket) wrap(op, key string, err error) error {
	if err == nil {
		return nil
	}
	e := &storeError{cause: err}
	what, todo := said(err), ""
	switch {
	case isMissingBucket(err), isAbsent(err) && (op == opStore || op == opList), statusOf(err) == http.StatusMovedPermanently:
		todo = b.advice.missing
	case isAbsent(err):
		e.kind, what = ErrNotFound, ErrNotFound.Error()
	case Denied(err):
		todo = b.advice.denied
	case isUnreachable(err):
		todo = b.advice.unreachable
	}
	e.text = fmt.Sprintf("%s %s: %s", op, b.location(key), what)
	if todo != "" {
		e.text += "; " + todo
	}
	return e
}

// Denied tells whether an error is the answer of an object store that knows who asks, or not, and says no.
func Denied(err error) bool {
	status := statusOf(err)
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// said is what a store, or the network before it, has said, on one line and without the library's words around it.
func said(err error) string {
	var (
		azure  *azcore.ResponseError
		google *googleapi.Error
		amazon smithy.APIError
		sent   *url.Error
	)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
	case errors.As(err, &azure):
		return fmt.Sprintf("the store answers %d %s", azure.StatusCode, azure.ErrorCode)
	case errors.As(err, &google):
		return fmt.Sprintf("the store answers %d %s", google.Code, oneLine(google.Message))
	case errors.As(err, &amazon):
		return fmt.Sprintf("the store answers %d %s: %s", statusOf(err), amazon.ErrorCode(), oneLine(amazon.ErrorMessage()))
	case errors.As(err, &sent):
		return oneLine(sent.Err.Error())
	}
	return oneLine(err.Error())
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// statusOf is the HTTP status of the answer that an error is made of, or 0.
func statusOf(err error) int {
	var (
		azure  *azcore.ResponseError
		google *googleapi.Error
		amazon *awshttp.ResponseError
	)
	switch {
	case errors.As(err, &azure):
		return azure.StatusCode
	case errors.As(err, &google):
		return google.Code
	case errors.As(err, &amazon) && amazon.Response != nil:
		return amazon.HTTPStatusCode()
	}
	return 0
}

// isAbsent tells that the store has no such thing. The library says so of other answers too, of 403 for one.
func isAbsent(err error) bool {
	if status := statusOf(err); status != 0 {
		return status == http.StatusNotFound
	}
	return gcerrors.Code(err) == gcerrors.NotFound
}

// isMissingBucket tells a bucket that is not there from an object that is not.
func isMissingBucket(err error) bool {
	var amazon smithy.APIError
	var google *googleapi.Error
	return errors.As(err, &google) && strings.Contains(google.Message, "bucket does not exist") ||
		errors.As(err, &amazon) && amazon.ErrorCode() == "NoSuchBucket" ||
		bloberror.HasCode(err, bloberror.ContainerNotFound) || errors.Is(err, storage.ErrBucketNotExist)
}

func isUnreachable(err error) bool {
	var network net.Error
	return errors.As(err, &network)
}
