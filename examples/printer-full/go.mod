module crosscourse.example/printer-full

go 1.22
