"""The inference worker: answers images that come into a folder, over HTTP, or both.

    <infer_url>/photo.jpg                  waiting
    <infer_url>/done/photo.jpg             answered
    <infer_url>/done/photo.jpg.json        its answer
    <infer_url>/rejected/photo.jpg         could not be read as an image
    <infer_url>/rejected/photo.jpg.json    why

    <HE_SAVED_URL>/photo-0a1b2c3d4e5f6071.jpg      a hard example
    <HE_SAVED_URL>/photo-0a1b2c3d4e5f6071.json     its answer, with ``true_label`` to be filled in

Write an image under a name that starts with a dot and rename it: files with such names are
ignored. An image that is copied in place is answered when it is complete. One that arrives
again under an old name is answered again, in the old one's place.

    model       the model that answers, and the previous one
    folder      images in, answers out, through `inbox`
    dataplane   what can be asked, without HTTP; `http` translates
    batching    runs concurrent requests through the network together
"""
