"""The samples of a job: index files, images, and the records that rounds leave."""
