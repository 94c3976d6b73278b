module pika/test/kube/binaries/pause

go 1.24.0
