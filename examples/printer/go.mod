module crosscourse.example/printer

go 1.22
