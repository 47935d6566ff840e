package doctor

import (
	"context"

	"campuscard/campus"
)

func (d *doctor) lookAtObjects(ctx context.Context) []Finding {
	seen := values{"bucket": d.Objects.Bucket}
	err := d.store.ObjectsReady(ctx)
	switch {
	case campus.CodeOf(err) == campus.NotFound:
		return fail("s3.bucket", seen)
	case err != nil:
		return fail("s3.away", values{"error": oneLine(err)})
	}
	return well("s3.fine", seen)
}

func (d *doctor) probeObjects(ctx context.Context) []Finding {
	if err := d.store.ProbeObjects(ctx); err != nil {
		return fail("s3.probe.wrong", values{"error": oneLine(err)})
	}
	return well("s3.probe.fine", nil)
}

// lookAtVersions tells whether what we delete is gone: a bucket that keeps versions keeps pictures of faces (B4).
func (d *doctor) lookAtVersions(ctx context.Context) []Finding {
	kept, err := d.store.ObjectsVersioned(ctx)
	switch {
	case err != nil:
		return broken(err)
	case kept:
		return fail("s3.versions.kept", nil)
	}
	return well("s3.versions.fine", nil)
}

func (d *doctor) lookAtPublic(ctx context.Context) []Finding {
	public, err := d.store.ObjectsPublic(ctx)
	switch {
	case err != nil:
		return broken(err)
	case public:
		return fail("s3.public.open", nil)
	}
	return well("s3.public.fine", nil)
}
