module kubectl-migrate.test/function-go

go 1.24.0

tool kubectl-migrate.test/function-go
