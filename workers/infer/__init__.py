"""The inference worker: answers every image that comes into a folder.

    <infer_url>/photo.jpg                  waiting
    <infer_url>/done/photo.jpg             answered
    <infer_url>/done/photo.jpg.json        its answer
    <infer_url>/rejected/photo.jpg         no readable image
    <infer_url>/rejected/photo.jpg.json    why

    <HE_SAVED_URL>/photo-0a1b2c3d.jpg      a hard example
    <HE_SAVED_URL>/photo-0a1b2c3d.json     its answer, with ``true_label`` to be filled in

Write an image under a name that starts with a dot and rename it: files with such names are
passed over. An image that is copied in place is answered when it is complete. One that comes
again under an old name is answered again, in the old one's place.
"""
